import { once } from 'node:events';
import { jsonText, visible } from '../../reports/words.ts';

/** Some rows of a table. */
interface TableRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Makes the text of one piece after the other, and of the end. */
interface Format {
  text(piece: TableRows): string;
  end(): string;
}

/** Prints a table that comes piece by piece: as JSON, aligned for people, or with tabs for programs. */
export async function printRows(pieces: AsyncIterable<TableRows>, json: boolean): Promise<void> {
  const format = json ? jsonArray() : process.stdout.isTTY ? aligned() : tabbed();
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

function jsonArray(): Format {
  let before = '[\n';
  const text = ({ columns, rows }: TableRows) =>
    rows
      .map((row) => {
        const object = jsonText(Object.fromEntries(columns.map((column, i) => [column, row[i]])));
        const shown = `${before}${object.replace(/^/gm, '  ')}`;
        before = ',\n';
        return shown;
      })
      .join('');
  return { text, end: () => (before === '[\n' ? '[]\n' : '\n]\n') };
}

/** Tab-separated, for programs such as `cut`. */
function tabbed(): Format {
  let begun = false;
  const text = ({ columns, rows }: TableRows) => {
    const lines = [...(begun ? [] : [columns.map(visible)]), ...rows.map((row) => row.map(cell))];
    begun = true;
    return lines.map((line) => `${line.join('\t')}\n`).join('');
  };
  return { text, end: () => '' };
}

/** Aligned, for people. Columns are as wide as the first rows need. */
function aligned(): Format {
  let widths: readonly number[] | undefined;
  let count = 0;
  const text = ({ columns, rows }: TableRows) => {
    count += rows.length;
    if (rows.length === 0) return '';
    const lines = rows.map((row) => row.map(cell));
    if (widths === undefined) {
      lines.unshift(columns.map(visible));
      widths = columns.map((_, i) => Math.min(60, Math.max(...lines.map((line) => line[i]?.length ?? 0))));
    }
    const shown = (value: string, i: number) => value.slice(0, widths?.[i]).padEnd(widths?.[i] ?? 0);
    return lines.map((line) => `${line.map(shown).join('  ').trimEnd()}\n`).join('');
  };
  return { text, end: () => `${count} row${count === 1 ? '' : 's'}\n` };
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // It is a run's text: a terminal would obey what is in it, also behind a pipe. JSON has it as it is, in escapes.
  return visible(text);
}
