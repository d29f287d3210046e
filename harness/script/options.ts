import type { Argv } from 'yargs';

export interface ScriptFlags {
  readonly run: string;
  readonly finding: string;
  readonly build?: string | undefined;
  readonly times?: number | undefined;
  readonly out?: string | undefined;
  readonly records?: string | undefined;
  readonly sketch?: boolean | undefined;
}

/** How often the script must break, and be played, before its file is written. */
export const USUAL_PROOFS = 20;

export function scriptOptions(args: Argv): Argv<ScriptFlags> {
  return args
    .positional('run', { type: 'string', demandOption: true, describe: 'A run folder, of a run with --trace' })
    .positional('finding', { type: 'string', demandOption: true, describe: 'F1, F2, … or a fingerprint' })
    .option('build', { type: 'string', describe: 'On what it is played (default: the build of the run)' })
    .option('times', {
      type: 'number',
      describe: `It must break so often, each time, to be written (default: ${USUAL_PROOFS})`,
    })
    .option('out', { type: 'string', describe: 'The file to write (default: RACE.race.yaml here)' })
    .option('records', {
      type: 'string',
      describe: 'The folder of what was played, new or empty (default: below runs/)',
    })
    .option('sketch', { type: 'boolean', describe: 'Print what would be tried, and play nothing' });
}
