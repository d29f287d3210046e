import path from 'node:path';

import type { ComparedInvariant, ComparisonSide, CountDifference } from '../harness/model/comparison.ts';
import type { Verdict } from '../harness/model/verdict.ts';

/** What every format of a comparison says in the same words. */

/** Every invariant that either side has, in the order of A, then what only B has. */
export function invariantPairs(
  a: ComparisonSide,
  b: ComparisonSide,
): { readonly name: string; readonly a: ComparedInvariant | undefined; readonly b: ComparedInvariant | undefined }[] {
  const names = [...new Set([...a.invariants, ...b.invariants].map(({ name }) => name))];
  const of = (side: ComparisonSide, name: string) => side.invariants.find((invariant) => invariant.name === name);
  const pairs = names.map((name) => ({ name, a: of(a, name), b: of(b, name) }));
  const rank = (one: (typeof pairs)[number]) => {
    const [before, after] = [one.a?.verdict ?? 'unknown', one.b?.verdict ?? 'unknown'];
    if (before !== after) return after === 'fail' ? 0 : 1;
    return ({ fail: 2, unknown: 4, pass: 3 } satisfies Record<Verdict, number>)[after];
  };
  return pairs.sort((x, y) => rank(x) - rank(y));
}

export function ratioText({ ratio, b }: CountDifference): string {
  if (ratio === null) return b === 0 ? '–' : '∞';
  return `× ${Number(ratio.toPrecision(2))}`;
}

export function intervalText({ interval }: CountDifference): string {
  if (interval === null) return '–';
  const [low, high] = interval;
  return `${Number(low.toPrecision(2))} to ${high === null ? '∞' : Number(high.toPrecision(2))}`;
}

/** Relative, so that the folder can be moved or served as it is; each part encoded, because folders have any name. */
export function reportLink(folder: string, run: string): string {
  const relative = path.relative(path.resolve(folder), path.resolve(run, 'report.html'));
  const link = relative.split(path.sep).map(encodeURIComponent).join('/');
  return link.startsWith('..') ? link : `./${link}`;
}
