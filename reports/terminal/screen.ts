import pc from 'picocolors';
import stringWidth from 'string-width';
import type { KnownResult } from '../../harness/model/known.ts';
import type { Verdict } from '../../harness/model/verdict.ts';
import { knownSentence } from '../known.ts';
import { lines, padEnd, shorten, some, visible } from '../words.ts';

/** What a summary may take: one screen of an ordinary terminal. */
export const SCREEN = { lines: 32, columns: 110 } as const;

export interface TextOptions {
  /** Whether escapes for colour may be printed; the caller knows the terminal and NO_COLOR. */
  readonly color: boolean;
}

export type Paint = ReturnType<typeof pc.createColors>;

export function paintFor({ color }: TextOptions): Paint {
  return pc.createColors(color);
}

export function mark(verdict: Verdict, paint: Paint): string {
  return { fail: paint.red('✗'), unknown: paint.yellow('?'), pass: paint.green('✓') }[verdict];
}

export function verdictWord(verdict: Verdict, paint: Paint): string {
  const word = verdict.toUpperCase();
  return paint.bold({ fail: paint.red(word), unknown: paint.yellow(word), pass: paint.green(word) }[verdict]);
}

/** A text from the run on one line of the screen, after so many columns that are taken. */
export function fitted(text: string, taken = 0): string {
  return shorten(visible(text), SCREEN.columns - taken);
}

/**
 * A text from the run in as many lines as it takes. The first stands behind `head`, the others below their own
 * beginning. Only what is longer than `most` lines, such as a hostile id, is cut.
 */
export function hanging(head: string, text: string, most = 4, paint = (part: string) => part): string[] {
  const indent = stringWidth(head);
  const columns = SCREEN.columns - indent;
  const all = lines(visible(text.slice(0, 2 * most * columns)), columns);
  const shown = all.length <= most ? all : [...all.slice(0, most - 1), `${all[most - 1]} …`];
  return shown.map((line, index) => `${index === 0 ? head : ' '.repeat(indent)}${paint(shorten(line, columns))}`);
}

/** What of it is new, below the verdict on the build; nothing without known findings. */
export function knownLines(known: KnownResult | undefined, paint: Paint): string[] {
  if (known === undefined) return [];
  const [first = '', ...more] = hanging('  ', knownSentence(known), 4);
  return [`${mark(known.verdict, paint)} ${first.slice(2)}`, ...more];
}

/** As many blocks of lines as there is room for, and how many there are beside these. */
export function fitting(blocks: readonly string[][], room: number, rest: (hidden: number) => string): string[] {
  if (blocks.flat().length <= room) return blocks.flat();
  const shown: string[] = [];
  let count = 0;
  for (const block of blocks) {
    if (shown.length + block.length > room - 1) break;
    shown.push(...block);
    count++;
  }
  return [...shown, rest(blocks.length - count)];
}

/** As many names as one line takes, none of them cut, and how many there are beside these. */
export function namesFitting(names: readonly string[], taken: number): string {
  for (let shown = names.length; shown > 0; shown--) {
    const text = visible(some(names, shown));
    if (stringWidth(text) <= SCREEN.columns - taken) return text;
  }
  return `${names.length} of them`;
}

export interface TerminalCell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

/** The first column may become so narrow for the others. */
const NARROWEST = 24;

/**
 * Rows in columns as wide as their longest cell. The first column gets what is left and wraps: a block of lines a row.
 */
export function terminalTable(rows: readonly (readonly [string, ...TerminalCell[]])[]): string[][] {
  const cellsOf = ([, ...cells]: readonly [string, ...TerminalCell[]]) => cells;
  const amount = Math.max(0, ...rows.map((row) => row.length - 1));
  const widest = Math.max(4, Math.floor((SCREEN.columns - NARROWEST) / Math.max(1, amount)));
  const wanted = Array.from({ length: amount }, (_, column) =>
    Math.max(4, ...rows.map((row) => stringWidth(cellsOf(row)[column]?.text ?? '') + 2)),
  );
  const all = wanted.reduce((sum, width) => sum + width, 0);
  const widths = all <= SCREEN.columns - NARROWEST ? wanted : wanted.map((width) => Math.min(width, widest));
  const left = SCREEN.columns - widths.reduce((sum, width) => sum + width, 0);
  const first = Math.min(left, Math.max(...rows.map(([name]) => stringWidth(visible(name.slice(0, 200))) + 2)));
  return rows.map((row) => {
    const [name = '', ...more] = lines(visible(row[0].slice(0, 400)), first - 2).map((line) =>
      shorten(line, first - 2),
    );
    const cells = cellsOf(row).map(({ text, paint = (part) => part }, column) => {
      const width = widths[column] ?? 0;
      const shown = shorten(text, width - 1);
      return `${paint(shown)}${' '.repeat(Math.max(0, width - stringWidth(shown)))}`;
    });
    return [`${padEnd(name, first)}${cells.join('')}`.trimEnd(), ...more];
  });
}
