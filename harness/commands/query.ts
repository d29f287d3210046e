import type { CommandModule } from 'yargs';

import { queryRun } from '../judge/open-run.ts';

interface QueryFlags {
  readonly run: string;
  readonly sql: string;
  readonly json?: boolean | undefined;
}

export const queryCommand: CommandModule<object, QueryFlags> = {
  command: 'query <run> <sql>',
  describe: 'Ask a stored run in SQL (DuckDB); the tables are in docs/run-folder.md',
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
    const { columns, rows } = await queryRun(run, sql);
    if (json) {
      const objects = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
      process.stdout.write(`${JSON.stringify(objects, null, 2)}\n`);
      return;
    }
    process.stdout.write(asTable(columns, rows));
  },
};

/** Tab-separated when piped, aligned on a terminal: what `cut` and eyes want. */
function asTable(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const lines = [columns, ...rows.map((row) => row.map(cell))];
  if (!process.stdout.isTTY) return `${lines.map((line) => line.join('\t')).join('\n')}\n`;
  const widths = columns.map((_, i) => Math.min(60, Math.max(...lines.map((line) => line[i]?.length ?? 0))));
  const text = lines.map((line) =>
    line
      .map((value, i) => value.slice(0, widths[i]).padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${text.join('\n')}\n${rows.length} row${rows.length === 1 ? '' : 's'}\n`;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.replaceAll('\t', ' ').replaceAll('\n', ' ');
}
