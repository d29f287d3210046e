import { once } from 'node:events';

/** Some rows of a table. */
interface TableRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Prints a table that comes piece by piece: as JSON, aligned for people, or with tabs for programs. */
export async function printRows(pieces: AsyncIterable<TableRows>, json: boolean): Promise<void> {
  const format = json ? new JsonArray() : process.stdout.isTTY ? new Columns() : new Tabs();
  try {
    for await (const piece of pieces) await written(format.text(piece));
    await written(format.end());
  } catch (error) {
    // `windtunnel query … | head` closes our output early.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  }
}

/** Waits for a reader that is slower: a result of millions of rows does not fit into memory. */
async function written(text: string): Promise<void> {
  if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain');
}

class JsonArray {
  #begun = false;

  text({ columns, rows }: TableRows): string {
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

  text({ columns, rows }: TableRows): string {
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

  text({ columns, rows }: TableRows): string {
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
