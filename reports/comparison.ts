import path from 'node:path';

import type { ComparedInvariant, Comparison, ComparisonSide } from '../harness/model/comparison.ts';
import type { Verdict } from '../harness/model/verdict.ts';
import { knownSentence } from './known.ts';
import { counted } from './words.ts';

/** What every format of a comparison says in the same words. */

/** All builds with their letters, A first. */
export function lettered({ a, pairs }: Comparison): { readonly letter: string; readonly side: ComparisonSide }[] {
  return [{ letter: 'A', side: a }, ...pairs.map(({ letter, b }) => ({ letter, side: b }))];
}

/** Those with the decision that stands for all. */
export function worstBuilds({ pairs, decision }: Comparison): string[] {
  return pairs.filter((pair) => pair.decision === decision).map(({ b }) => b.build);
}

/** What is new on each side; nothing without known findings. */
export function knownOfSides(comparison: Comparison): string[] {
  return lettered(comparison).flatMap(({ letter, side: { build, known } }) => {
    return known === undefined ? [] : [`${letter} ${build}. ${knownSentence(known)}`];
  });
}

/** `8 deciding tests and 2 looks`. */
export function correctedFor({ deciding_tests, looks }: Comparison): string {
  const tests = counted(deciding_tests, 'deciding test');
  return looks === null ? tests : `${tests} and ${counted(looks.planned.length, 'look')}`;
}

export interface InvariantRow {
  readonly name: string;
  readonly claim: string;
  /** In the order of the builds; undefined: not judged there. */
  readonly sides: readonly (ComparedInvariant | undefined)[];
}

/** Every invariant of any build: first what A satisfies and another build violates, then what else differs. */
export function invariantRows(comparison: Comparison): InvariantRow[] {
  const builds = lettered(comparison).map(({ side }) => side);
  const names = [...new Set(builds.flatMap(({ invariants }) => invariants.map(({ name }) => name)))];
  const rows = names.map((name) => {
    const sides = builds.map(({ invariants }) => invariants.find((invariant) => invariant.name === name));
    return { name, claim: sides.find((one) => one !== undefined)?.claim ?? '', sides };
  });
  return rows.sort((x, y) => rankOf(x) - rankOf(y));
}

function rankOf({ sides }: InvariantRow): number {
  const [base = 'unknown', ...others] = sides.map((one): Verdict => one?.verdict ?? 'unknown');
  if (others.includes('fail') && base !== 'fail') return 0;
  if (others.some((one) => one !== base)) return base === 'fail' ? 1 : 3;
  return ({ fail: 2, unknown: 5, pass: 4 } satisfies Record<Verdict, number>)[base];
}

/** Relative, so that the folder can be moved or served as it is; each part encoded, because folders have any name. */
export function reportLink(folder: string, run: string): string {
  const relative = path.relative(path.resolve(folder), path.resolve(run, 'report.html'));
  const link = relative.split(path.sep).map(encodeURIComponent).join('/');
  return link.startsWith('..') ? link : `./${link}`;
}
