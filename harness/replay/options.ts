import type { Argv } from 'yargs';

export interface ReplayFlags {
  readonly files?: readonly string[] | undefined;
  readonly build?: string | undefined;
  readonly times?: number | undefined;
  readonly control?: boolean | undefined;
  readonly out?: string | undefined;
  readonly junit?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Usual number of episodes of each file. */
export const USUAL_TIMES = 20;

export function replayOptions(args: Argv): Argv<ReplayFlags> {
  return args
    .positional('files', {
      type: 'string',
      array: true,
      describe: 'Files of races (*.race.yaml), or names of races that ship one, such as 66734',
    })
    .option('build', { type: 'string', describe: 'What to install and start, e.g. airflow@3.2.2' })
    .option('times', { type: 'number', describe: `How often each is played (default: ${USUAL_TIMES})` })
    .option('control', { type: 'boolean', describe: 'Play only the controls, each kind of them so often' })
    .option('out', { type: 'string', describe: 'The folder of its run folders, new or empty (default: below runs/)' })
    .option('junit', { type: 'string', describe: "A file for the outcomes in JUnit's format, one case a file" })
    .option('json', { type: 'boolean', describe: 'Print the outcomes as one JSON document' });
}
