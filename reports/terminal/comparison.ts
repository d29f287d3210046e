import path from 'node:path';
import type { ComparedInvariant, Comparison } from '../../harness/model/comparison.ts';
import { type InvariantRow, invariantRows, knownOfSides, lettered } from '../comparison.ts';
import {
  type ComparisonLane,
  type ComparisonRow,
  comparedText,
  countRows,
  isCounted,
  measureRows,
} from '../comparison-rows.ts';
import { comparedConflicts, conflictName } from '../conflicts.ts';
import { count, GLYPH, visible } from '../words.ts';
import {
  fitted,
  fitting,
  hanging,
  type Paint,
  paintFor,
  SCREEN,
  type TerminalCell,
  type TextOptions,
  terminalTable,
} from './screen.ts';

export interface ComparisonTextOptions extends TextOptions {
  /** Where compare.html lies; without it no path is printed. */
  readonly folder?: string;
}

/** All builds side by side, what differs first; the decision in the last lines. */
export function comparisonText(comparison: Comparison, { folder, ...options }: ComparisonTextOptions): string {
  const paint = paintFor(options);
  const { a, pairs, caveats, looks } = comparison;
  const builds = lettered(comparison);
  const footer = [
    ...(looks === null ? [] : hanging('', looks.sentence, 3, paint.dim)),
    ...knownOfSides(comparison).flatMap((line) => hanging('', line, 3)),
    ...caveats.slice(0, 2).flatMap((caveat) => hanging('', caveat, 2, paint.dim)),
    ...(folder === undefined ? [] : [`report: ${paint.underline(visible(path.join(folder, 'compare.html')))}`]),
    '',
    ...pairs.flatMap(({ letter, verdict, decision, sentence }) => {
      const colour = { fail: paint.red, unknown: paint.yellow, pass: paint.green }[verdict];
      const head = pairs.length === 1 ? decision.toUpperCase() : `${letter} ${decision.toUpperCase()}`;
      return [paint.bold(colour(head)), ...hanging('', `${sentence}.`, pairs.length === 1 ? 8 : 4)];
    }),
  ];
  const names = builds.map(({ letter, side }) => `${letter} ${side.build}`).join(', ');
  const shown = [
    ...countRows(comparison).filter((row) => row.decides && isCounted(row)),
    ...measureRows(comparison).filter(({ lanes }) => lanes.some(({ against }) => (against?.better ?? null) !== null)),
  ];
  const all = invariantRows(comparison);
  const telling = all.filter(({ sides }) => !isSameOnAll(sides) || sides[0]?.verdict === 'fail');
  const [heads = [], ...rows] = terminalTable([
    ['', ...builds.map(({ letter }) => ({ text: letter, paint: paint.dim }))],
    ...telling.map((row): [string, ...TerminalCell[]] => [row.name, ...invariantCells(row, paint)]),
    ...shown.map((row): [string, ...TerminalCell[]] => [row.title, ...countCells(row, builds.length, paint)]),
    ...conflictRows(comparison),
  ]);
  const head = [fitted(`${a.scenario}: ${names}`), ...heads];
  const rest = restOf(all.filter((row) => !telling.includes(row))).map(paint.dim);
  const room = Math.max(8, SCREEN.lines - footer.length - head.length - rest.length);
  const [invariants, counts] = [rows.slice(0, telling.length), rows.slice(telling.length)];
  const forCounts = Math.min(counts.flat().length, Math.max(4, room - invariants.flat().length));
  const more = (hidden: number) => `  and ${hidden} more`;
  return [
    ...head,
    ...fitting(invariants, room - forCounts, more),
    ...rest,
    ...fitting(counts, forCounts, more),
    ...footer,
  ].join('\n');
}

function isSameOnAll(sides: InvariantRow['sides']): boolean {
  return new Set(sides.map((side) => side?.verdict ?? 'unknown')).size === 1;
}

/** Of invariants that no build violates and that are alike on all, their number is enough. */
function restOf(rows: readonly InvariantRow[]): string[] {
  const holding = rows.filter(({ sides }) => sides[0]?.verdict === 'pass').length;
  const idle = rows.length - holding;
  const parts = [
    ...(holding > 0 ? [`${count(holding)} invariants hold on all builds`] : []),
    ...(idle > 0 ? [`${count(idle)} are not exercised enough on any`] : []),
  ];
  return parts.length === 0 ? [] : [parts.join(', ')];
}

function invariantCells({ sides }: InvariantRow, paint: Paint): TerminalCell[] {
  return sides.map((invariant: ComparedInvariant | undefined): TerminalCell => {
    if (!invariant) return { text: '–' };
    const { verdict, violations } = invariant;
    const colour = { fail: paint.red, unknown: paint.yellow, pass: paint.green }[verdict];
    const text = verdict === 'fail' ? `fail × ${count(violations)}` : verdict;
    return { text: `${GLYPH[verdict]} ${text}`, paint: colour };
  });
}

/** With two builds the result of the test stands beside them; with more there is only room for its mark. */
function countCells({ lanes }: ComparisonRow, builds: number, paint: Paint): TerminalCell[] {
  const cells: TerminalCell[] = lanes.map((lane) => ({
    text: `${lane.said.replace(/^0 \(.*/, '0')}${builds > 2 ? signOf(lane) : ''}`,
  }));
  const against = lanes.at(-1)?.against ?? null;
  if (builds > 2 || against === null) return cells;
  const colour = against.better === 'a' ? paint.red : against.better === 'b' ? paint.green : paint.dim;
  return [...cells, { text: comparedText(against), paint: colour }];
}

/** Those with a state alone: what else is refused with 409 stands in the other formats. */
function conflictRows(comparison: Comparison): [string, ...TerminalCell[]][] {
  const states = new Set(
    lettered(comparison).flatMap(({ side }) =>
      side.conflicts.filter(({ found_state }) => found_state !== '').map(conflictName),
    ),
  );
  return comparedConflicts(comparison)
    .filter(({ name }) => states.has(name))
    .map(({ name, cells }) => [`409: ${name}`, ...cells.map((said) => ({ text: said.replace(/ \(.*/, '') }))]);
}

function signOf({ against }: ComparisonLane): string {
  return against?.better === 'a' ? ' ✗' : against?.better === 'b' ? ' ✓' : '';
}
