import type { CliCommand } from '../console/command.ts';
import { printRows } from '../console/rows.ts';
import { queryRun } from '../judge/query-run.ts';

interface QueryFlags {
  readonly run: string;
  readonly sql: string;
  readonly json?: boolean | undefined;
}

export const queryCommand: CliCommand<QueryFlags> = {
  builder: (args) =>
    args
      .positional('run', { type: 'string', demandOption: true, describe: 'A run folder' })
      .positional('sql', {
        type: 'string',
        demandOption: true,
        describe: 'e.g. "SELECT kind, count(*) FROM operations GROUP BY ALL"',
      })
      .option('json', { type: 'boolean', describe: 'Print the rows as a JSON array' }),

  async handler({ run, sql, json }) {
    await printRows(queryRun(run, sql), json === true);
    return 0;
  },
};
