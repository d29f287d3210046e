import { type CliCommand, exitCodeOfVerdict } from '../console/command.ts';
import { printJudgement } from '../console/judgement.ts';
import { playTests } from '../judge/invariant-test.ts';
import { readOwnInvariants } from '../judge/invariants.ts';
import { UsageError } from '../model/errors.ts';
import { judgeRunFolder } from '../run/run.ts';
import { readManifest } from '../run-folder/manifest.ts';

interface CheckFlags {
  readonly run?: string | undefined;
  readonly invariants?: string | undefined;
  readonly test?: string | undefined;
  readonly json?: boolean | undefined;
}

export const checkCommand: CliCommand<CheckFlags> = {
  builder: (args) =>
    args
      .positional('run', { type: 'string', describe: 'A run folder' })
      .option('invariants', { type: 'string', describe: 'A folder with invariants of your own (.sql), judged as well' })
      .option('test', { type: 'string', describe: 'Instead of a run: a .yaml file with tests of an invariant' })
      .option('json', { type: 'boolean', describe: 'Print the verdict as one JSON document' }),

  async handler({ run, invariants, test, json }) {
    if (test !== undefined) return await playTests(test, (line) => console.log(line));
    if (run === undefined) throw new UsageError('Name a run folder, or a test with --test FILE.');
    const own = await readOwnInvariants(invariants);
    const { own_invariants: before = [] } = await readManifest(run);
    const missing = before.filter((name) => !own.some((file) => file.name === name));
    if (missing.length > 0) {
      console.error(`Not judged, because no --invariants folder has them: ${missing.join(', ')}.`);
    }
    const judgement = await judgeRunFolder(run, own);
    printJudgement(judgement, json);
    return exitCodeOfVerdict(judgement.verdict);
  },
};
