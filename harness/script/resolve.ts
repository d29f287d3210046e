import { collectUsageErrors } from '../console/usage-errors.ts';
import type { Build } from '../model/build.ts';
import { UsageError } from '../model/errors.ts';
import { notWhole } from '../run/plan.ts';
import { storedSubject } from '../run/subject.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { checkNewFile, checkNewFolder } from '../run-folder/out.ts';
import { checkEnvironment } from '../system/environment.ts';
import { type ScriptFlags, USUAL_PROOFS } from './options.ts';

export interface WantedScript {
  readonly run: string;
  readonly finding: string;
  readonly build: Build;
  readonly times: number;
  readonly out: string | undefined;
  readonly records: string | undefined;
  readonly isSketch: boolean;
}

/** What the flags ask for. Throws a UsageError that lists every problem of them. */
export async function resolveScript(flags: ScriptFlags): Promise<WantedScript> {
  const { run, finding, out, records, times = USUAL_PROOFS, sketch = false } = flags;
  const [build] = await collectUsageErrors(
    async () => buildOf(flags),
    async () => {
      const problems = notWhole('times', times, 1, 200);
      if (problems.length > 0) throw new UsageError(problems.join('\n'));
    },
    async () => checkEnvironment(),
    async () => out === undefined || checkNewFile(out, 'race file'),
    async () =>
      records === undefined || checkNewFolder(records, 'folder of the records', 'name another with --records'),
  );
  return { run, finding, build, times, out, records, isSketch: sketch };
}

/** That of the run, unless another one is named. */
async function buildOf({ run, build }: ScriptFlags): Promise<Build> {
  const subject = storedSubject({ build }, await readManifest(run), run);
  if ('build' in subject) return subject.build;
  throw new UsageError(`${run} is of a target: name what the script is to be played on with --build.`);
}
