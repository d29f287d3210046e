import path from 'node:path';

import type { ComparedInvariant, Comparison, CountDifference } from '../harness/model/comparison.ts';
import { invariantPairs } from './compare-words.ts';
import { fitted, mark, type Paint, paintFor, SCREEN, type TextOptions } from './screen.ts';
import { count, padEnd, probability, seconds, shorten, visible } from './words.ts';

export interface ComparisonTextOptions extends TextOptions {
  /** Where compare.html lies; without it no path is printed. */
  readonly folder?: string;
}

/** Both builds side by side, what differs first; the decision in the last line. */
export function comparisonText(comparison: Comparison, { folder, ...options }: ComparisonTextOptions): string {
  const paint = paintFor(options);
  const { a, b, verdict, decision, sentence, caveats } = comparison;
  const last = wrapWords(sentence, SCREEN.columns).slice(0, 4);
  const colour = { fail: paint.red, unknown: paint.yellow, pass: paint.green }[verdict];
  const footer = [
    ...caveats.slice(0, 2).map((caveat) => paint.dim(fitted(caveat))),
    ...(folder === undefined ? [] : [`report: ${paint.underline(visible(path.join(folder, 'compare.html')))}`]),
    '',
    paint.bold(colour(decision.toUpperCase())),
    ...last,
  ];
  const head = [fitted(`${a.scenario}: A ${a.build}, B ${b.build}`), paint.dim(columns('', 'A', 'B', ''))];
  const room = SCREEN.lines - footer.length - head.length;
  const counts = comparison.tests.filter((test) => test.a + test.b > 0).map((test) => countLine(test, paint));
  const pairs = invariantPairs(a, b).map((pair) => pairLine(pair.name, pair.a, pair.b, paint));
  const forCounts = Math.min(counts.length, Math.max(4, room - pairs.length));
  const body = [...limited(pairs, room - forCounts), ...limited(counts, forCounts)];
  return [...head, ...body, ...footer].join('\n');
}

function limited(lines: readonly string[], room: number): string[] {
  if (lines.length <= room) return [...lines];
  return [...lines.slice(0, room - 1), `  and ${lines.length - room + 1} more`];
}

function columns(name: string, a: string, b: string, rest: string): string {
  return [padEnd(shorten(name, 36), 38), padEnd(a, 18), padEnd(b, 18), rest].join('').trimEnd();
}

function pairLine(
  name: string,
  a: ComparedInvariant | undefined,
  b: ComparedInvariant | undefined,
  paint: Paint,
): string {
  const cell = (invariant: ComparedInvariant | undefined) => {
    if (!invariant) return padEnd('–', 18);
    const { verdict, violations } = invariant;
    const text = verdict === 'fail' ? `fail × ${count(violations)}` : verdict;
    return `${mark(verdict, paint)} ${padEnd(text, 16)}`;
  };
  return `${padEnd(shorten(visible(name), 36), 38)}${cell(a)}${cell(b)}`.trimEnd();
}

function countLine(test: CountDifference, paint: Paint): string {
  const amount = (n: number, exposure: number) =>
    test.exposure_unit === 's' ? `${count(n)} in ${seconds(exposure)}` : `${count(n)} of ${count(exposure)}`;
  const p = `p = ${probability(test.p_adjusted)}`;
  const said = { a: paint.red(`more, ${p}`), b: paint.green(`fewer, ${p}`), none: paint.dim(p) }[test.better ?? 'none'];
  return columns(visible(test.title), amount(test.a, test.a_exposure), amount(test.b, test.b_exposure), said);
}

function wrapWords(text: string, width: number): string[] {
  const lines = [''];
  for (const word of visible(text).split(' ')) {
    const last = lines.at(-1) ?? '';
    if (last !== '' && last.length + 1 + word.length > width) lines.push(shorten(word, width));
    else lines[lines.length - 1] = last === '' ? shorten(word, width) : `${last} ${word}`;
  }
  return lines;
}
