import path from 'node:path';
import type { ComparedInvariant, Comparison } from '../../harness/model/comparison.ts';
import { type InvariantRow, invariantRows, lettered } from '../comparison.ts';
import {
  type ComparisonLane,
  type ComparisonRow,
  comparedText,
  countRows,
  isCounted,
  measureRows,
} from '../comparison-rows.ts';
import { count, lines, padEnd, shorten, visible } from '../words.ts';
import { fitted, mark, type Paint, paintFor, SCREEN, type TextOptions } from './screen.ts';

export interface ComparisonTextOptions extends TextOptions {
  /** Where compare.html lies; without it no path is printed. */
  readonly folder?: string;
}

/** All builds side by side, what differs first; the decision in the last lines. */
export function comparisonText(comparison: Comparison, { folder, ...options }: ComparisonTextOptions): string {
  const paint = paintFor(options);
  const { a, pairs, caveats } = comparison;
  const builds = lettered(comparison);
  const width = builds.length === 2 ? 18 : Math.max(8, Math.floor((SCREEN.columns - NAME) / builds.length));
  const footer = [
    ...caveats.slice(0, 2).map((caveat) => paint.dim(fitted(caveat))),
    ...(folder === undefined ? [] : [`report: ${paint.underline(visible(path.join(folder, 'compare.html')))}`]),
    '',
    ...pairs.flatMap(({ letter, verdict, decision, sentence }) => {
      const colour = { fail: paint.red, unknown: paint.yellow, pass: paint.green }[verdict];
      const head = pairs.length === 1 ? decision.toUpperCase() : `${letter} ${decision.toUpperCase()}`;
      const room = pairs.length === 1 ? 5 : 2;
      const said = lines(visible(sentence), SCREEN.columns);
      // The rest is on the page.
      const kept = said.length <= room ? said : [...said.slice(0, room - 1), `${said[room - 1] ?? ''} …`];
      return [paint.bold(colour(head)), ...kept.map((line) => shorten(line, SCREEN.columns))];
    }),
  ];
  const names = builds.map(({ letter, side }) => `${letter} ${side.build}`).join(', ');
  const heads = builds.map(({ letter }) => padEnd(letter, width)).join('');
  const head = [fitted(`${a.scenario}: ${names}`), paint.dim(`${' '.repeat(NAME)}${heads}`.trimEnd())];
  const room = Math.max(8, SCREEN.lines - footer.length - head.length);
  const shown = [
    ...countRows(comparison).filter((row) => row.decides && isCounted(row)),
    ...measureRows(comparison).filter(({ lanes }) => lanes.some(({ against }) => (against?.better ?? null) !== null)),
  ];
  const counts = shown.map((row) => rowLine(row, builds.length, width, paint));
  const invariants = invariantRows(comparison).map((row) => invariantLine(row, width, paint));
  const forCounts = Math.min(counts.length, Math.max(4, room - invariants.length));
  const body = [...limited(invariants, room - forCounts), ...limited(counts, forCounts)];
  return [...head, ...body, ...footer].join('\n');
}

const NAME = 38;

function limited(all: readonly string[], room: number): string[] {
  if (all.length <= room) return [...all];
  return [...all.slice(0, room - 1), `  and ${all.length - room + 1} more`];
}

function nameOf(text: string): string {
  return padEnd(shorten(visible(text), NAME - 2), NAME);
}

function invariantLine({ name, sides }: InvariantRow, width: number, paint: Paint): string {
  const cell = (invariant: ComparedInvariant | undefined) => {
    if (!invariant) return padEnd('–', width);
    const { verdict, violations } = invariant;
    const text = verdict === 'fail' ? `fail × ${count(violations)}` : verdict;
    return `${mark(verdict, paint)} ${padEnd(shorten(text, width - 3), width - 2)}`;
  };
  return `${nameOf(name)}${sides.map(cell).join('')}`.trimEnd();
}

/** With two builds what came of the test stands beside them; with more there is no room but for its mark. */
function rowLine({ title, lanes }: ComparisonRow, builds: number, width: number, paint: Paint): string {
  const cells = lanes.map((lane) => {
    const sign = builds > 2 ? signOf(lane) : '';
    return padEnd(shorten(`${lane.said.replace(/^0 \(.*/, '0')}${sign}`, width - 1), width);
  });
  const against = lanes.at(-1)?.against ?? null;
  if (builds > 2 || against === null) return `${nameOf(title)}${cells.join('')}`.trimEnd();
  const said = shorten(comparedText(against), SCREEN.columns - NAME - 2 * width);
  const painted =
    against.better === 'a' ? paint.red(said) : against.better === 'b' ? paint.green(said) : paint.dim(said);
  return `${nameOf(title)}${cells.join('')}${painted}`.trimEnd();
}

function signOf({ against }: ComparisonLane): string {
  return against?.better === 'a' ? ' ✗' : against?.better === 'b' ? ' ✓' : '';
}
