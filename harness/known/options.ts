import type { Argv } from 'yargs';

import { collectUsageErrors } from '../console/usage-errors.ts';
import { UsageError } from '../model/errors.ts';
import type { KnownFile } from '../model/known.ts';
import type { AgainstKnown } from '../run/judge-folder.ts';
import { checkNewFile } from '../run-folder/out.ts';
import type { KnownBaseline } from './against.ts';
import { readKnown } from './file.ts';
import { NO_FINDINGS } from './merge.ts';
import { againstKnown } from './result.ts';

/** Of the commands that judge. */
export const KNOWN_OPTION = {
  known: {
    type: 'string',
    describe: 'A file of known findings, from `windtunnel known`: only what is new or worse is a failure',
  },
} as const;

/** The file that `--known` names; undefined without it. */
export async function knownOf(file: string | undefined): Promise<KnownBaseline | undefined> {
  return file === undefined ? undefined : readKnown(file);
}

/** How a run is compared with the file that `--known` names; undefined without it. */
export async function againstFile(file: string | undefined): Promise<AgainstKnown | undefined> {
  const baseline = await knownOf(file);
  return baseline && againstKnown(baseline);
}

export interface KnownFlags {
  readonly runs?: readonly string[] | undefined;
  readonly from?: readonly string[] | undefined;
  readonly known?: string | undefined;
  readonly expiresAfter?: number | undefined;
  readonly out?: string | undefined;
}

export function knownOptions(args: Argv): Argv<KnownFlags> {
  return args
    .positional('runs', { type: 'string', array: true, describe: 'More of what --from takes' })
    .option('from', {
      type: 'string',
      array: true,
      describe: 'A stored run, a folder of runs, a side of a comparison or a soak',
    })
    .option('known', { type: 'string', describe: 'The file as it is: what people wrote into it stays' })
    .option('expires-after', {
      type: 'number',
      describe: `Nights that exercise a finding without it before it is gone (default: ${NO_FINDINGS.expires_after})`,
    })
    .option('out', { type: 'string', describe: 'The file to write or replace (default: print it)' }) as never;
}

interface KnownPlan {
  readonly words: readonly string[];
  readonly before: KnownFile;
  readonly out: string | undefined;
}

/** UsageError: of all that is wrong with the flags. */
export async function resolveKnown({ runs = [], from = [], known, expiresAfter, out }: KnownFlags): Promise<KnownPlan> {
  const [before] = await collectUsageErrors(
    async () => (await knownOf(known))?.file ?? NO_FINDINGS,
    async () => {
      if (from.length === 0) throw new UsageError('Name what the findings are read from: --from RUN…');
      if (expiresAfter !== undefined && !(Number.isInteger(expiresAfter) && expiresAfter > 0))
        throw new UsageError(`--expires-after must be a whole number from 1, not ${expiresAfter}`);
    },
    async () => out === undefined || checkNewFile(out, 'file of known findings'),
  );
  return {
    words: [...from, ...runs],
    before: expiresAfter === undefined ? before : { ...before, expires_after: expiresAfter },
    out,
  };
}
