import { pValue } from '../../reports/words.ts';
import type { ComparedInvariant, ComparisonSide, CountDifference, InvariantDifference } from '../model/comparison.ts';
import type { Verdict } from '../model/verdict.ts';
import { changeWords } from './counts.ts';
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

/** Every promise that either side has; where one has not, it was not put to the test. */
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

/** A count that was tested, and the promise whose violations it counts. */
export interface TestOf {
  readonly invariant: string | null;
  readonly test: CountDifference;
}

/**
 * Promises with two verdicts. A verdict is of the runs that were made: one deadlock in three runs breaks the promise
 * there, and three other runs of the same build may have none. So which side does better is for the count to say.
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
      const weak = test === null || better !== null ? '' : `; so few could part by chance, ${pValue(test.p_adjusted)}`;
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
      return [`${name} was not put to the test on ${names.b}`];
    }
    if (after.verdict !== 'fail' || before.verdict === 'fail') return [];
    if (before.verdict === 'unknown') {
      return [`${name} is broken on ${names.b}, and was not put to the test on ${names.a}`];
    }
    const difference = differences.find((one) => one.name === name);
    if (difference?.better === 'a') return [];
    const times = after.violations === 1 ? 'once' : `${after.violations} times`;
    return [`${names.b} broke ${name} ${times} and ${names.a} never, which chance could do`];
  });
}

function invariantSentence(name: string, a: Verdict, b: Verdict, buildA: string, buildB: string): string {
  if (a === 'unknown') {
    return b === 'fail'
      ? `${name}: only seen in ${buildB}, which breaks it; ${buildA} was not put to the test`
      : `${name}: ${buildB} keeps it; ${buildA} was not put to the test`;
  }
  if (b === 'unknown')
    return `${name}: cannot say, ${buildB} was not put to the test; ${buildA} ${a === 'fail' ? 'breaks' : 'keeps'} it`;
  return b === 'fail'
    ? `${name}: ${buildB} breaks it, ${buildA} keeps it`
    : `${name}: ${buildB} keeps it, ${buildA} breaks it`;
}
