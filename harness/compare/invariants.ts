import { changeWords, pValue } from '../../reports/words.ts';
import type { ComparedInvariant, ComparisonSide, CountDifference, InvariantDifference } from '../model/comparison.ts';
import type { Verdict } from '../model/verdict.ts';
import { namesOf } from './sentence.ts';

interface Sides {
  readonly a: ComparisonSide;
  readonly b: ComparisonSide;
}

export interface InvariantPair {
  readonly name: string;
  readonly a: ComparedInvariant;
  readonly b: ComparedInvariant;
}

/** Every invariant that either side has; a side that lacks it did not exercise it. */
export function paired({ a, b }: Sides): InvariantPair[] {
  const find = (side: ComparisonSide, name: string): ComparedInvariant =>
    side.invariants.find((invariant) => invariant.name === name) ?? {
      name,
      claim: '',
      verdict: 'unknown',
      aimed: false,
      violations: 0,
      exercised: 0,
    };
  const names = new Set([...a.invariants, ...b.invariants].map(({ name }) => name));
  return [...names].map((name) => ({ name, a: find(a, name), b: find(b, name) }));
}

/** A count that was tested, and the invariant that it counts violations of. */
export interface TestOf {
  readonly invariant: string | null;
  readonly test: CountDifference;
}

/**
 * Invariants with two verdicts. A verdict is of the runs that were made: one deadlock in three runs violates the
 * invariant there, and three other runs of the same build may have none. The count decides which side does better.
 */
export function invariantDifferences(sides: Sides, tests: readonly TestOf[], letter: string): InvariantDifference[] {
  const names = namesOf(sides, letter);
  const { a, b } = sides;
  const aimed = (pair: InvariantPair) => (pair.a.aimed || pair.b.aimed ? 0 : 1);
  return paired(sides)
    .filter((pair) => pair.a.verdict !== pair.b.verdict)
    .sort((x, y) => aimed(x) - aimed(y) || y.a.violations + y.b.violations - x.a.violations - x.b.violations)
    .map(({ name, a: before, b: after }) => {
      const known = before.verdict !== 'unknown' && after.verdict !== 'unknown';
      const test = known ? (tests.find(({ invariant }) => invariant === name)?.test ?? null) : null;
      const clear = after.verdict === 'fail' ? 'a' : 'b';
      const better = test?.better === clear ? clear : null;
      const seen = changeWords(
        's',
        { count: before.violations, exposure: a.load_seconds },
        { count: after.violations, exposure: b.load_seconds },
      );
      const weak = test === null || better !== null ? '' : `; not significant, ${pValue(test.p_adjusted)}`;
      return {
        kind: 'invariant',
        name,
        a: before.verdict,
        b: after.verdict,
        a_violations: before.violations,
        b_violations: after.violations,
        better,
        p_value: test?.p_adjusted ?? null,
        sentence: `${invariantSentence(name, before.verdict, after.verdict, names.a, names.b)} (${seen}${weak})`,
      };
    });
}

/** What leaves it open whether B is worse, each with its reason. */
export function openQuestions(sides: Sides, differences: readonly InvariantDifference[], letter: string): string[] {
  const names = namesOf(sides, letter);
  return paired(sides).flatMap(({ name, a: before, b: after }) => {
    if (after.verdict === 'unknown' && (after.aimed || before.aimed || before.verdict === 'fail')) {
      return [`${name} was not exercised enough on ${names.b}`];
    }
    if (after.verdict !== 'fail' || before.verdict === 'fail') return [];
    if (before.verdict === 'unknown') {
      return [`${names.b} violates ${name}, which was not exercised enough on ${names.a}`];
    }
    const difference = differences.find((one) => one.name === name);
    if (difference?.better === 'a') return [];
    const times = after.violations === 1 ? 'once' : `${after.violations} times`;
    return [`${names.b} violated ${name} ${times} and ${names.a} never, too rarely to establish a difference`];
  });
}

function invariantSentence(name: string, a: Verdict, b: Verdict, buildA: string, buildB: string): string {
  if (a === 'unknown') {
    return b === 'fail'
      ? `${name}: ${buildB} violates it; not exercised enough on ${buildA}`
      : `${name}: ${buildB} satisfies it; not exercised enough on ${buildA}`;
  }
  if (b === 'unknown')
    return `${name}: not exercised enough on ${buildB}; ${buildA} ${a === 'fail' ? 'violates' : 'satisfies'} it`;
  return b === 'fail'
    ? `${name}: ${buildB} violates it, ${buildA} satisfies it`
    : `${name}: ${buildB} satisfies it, ${buildA} violates it`;
}
