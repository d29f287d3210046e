import { once } from 'node:events';

import type { CliCommand } from '../console/command.ts';

import { type QueryRows, queryRun } from '../judge/open-run.ts';

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
    const print = json ? new JsonArray() : process.stdout.isTTY ? new Columns() : new Tabs();
    for await (const answer of queryRun(run, sql)) await written(print.text(answer));
    await written(print.end());
    return 0;
  },
};

/** Waits for a reader that is slower: a result of millions of rows does not fit into memory. */
async function written(text: string): Promise<void> {
  if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain');
}

class JsonArray {
  #begun = false;

  text({ columns, rows }: QueryRows): string {
    return rows
      .map((row) => {
        const object = JSON.stringify(Object.fromEntries(columns.map((column, i) => [column, row[i]])), null, 2);
        const before = this.#begun ? ',\n' : '[\n';
        this.#begun = true;
        return `${before}${object.replace(/^/gm, '  ')}`;
      })
      .join('');
  }

  end(): string {
    return this.#begun ? '\n]\n' : '[]\n';
  }
}

/** Tab-separated, for programs such as `cut`. */
class Tabs {
  #begun = false;

  text({ columns, rows }: QueryRows): string {
    const lines = this.#begun ? [] : [columns.join('\t')];
    this.#begun = true;
    return [...lines, ...rows.map((row) => row.map(cell).join('\t'))].map((line) => `${line}\n`).join('');
  }

  end(): string {
    return '';
  }
}

/** Aligned, for people. Columns are as wide as the first rows need. */
class Columns {
  #widths: readonly number[] | undefined;
  #count = 0;

  text({ columns, rows }: QueryRows): string {
    this.#count += rows.length;
    if (rows.length === 0) return '';
    const lines = rows.map((row) => row.map(cell));
    const head = this.#widths ? [] : [columns];
    this.#widths ??= columns.map((column, i) =>
      Math.min(60, Math.max(column.length, ...lines.map((line) => line[i]?.length ?? 0))),
    );
    return [...head, ...lines].map((line) => `${this.#aligned(line)}\n`).join('');
  }

  #aligned(line: readonly string[]): string {
    const width = (i: number) => this.#widths?.[i] ?? 0;
    return line
      .map((value, i) => value.slice(0, width(i)).padEnd(width(i)))
      .join('  ')
      .trimEnd();
  }

  end(): string {
    return `${this.#count} row${this.#count === 1 ? '' : 's'}\n`;
  }
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.replaceAll('\t', ' ').replaceAll('\n', ' ');
}
