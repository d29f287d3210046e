import type {
  ComparedInvariant,
  Comparison,
  ComparisonSide,
  CountDifference,
  Decision,
  Difference,
  InvariantDifference,
} from '../harness/model/comparison.ts';
import type { Judgement, Verdict } from '../harness/model/verdict.ts';
import { change, sensitivity, testCounts } from './compare-counts.ts';
import { isBelieved, sideOf } from './compare-sides.ts';
import { compareRates } from './statistics.ts';
import { counted, listed, probability, some } from './words.ts';

/**
 * Is build B better or worse than build A? A promise that B breaks and A was seen to keep makes it worse, and so does
 * a bad count that is higher than chance explains; no improvement outweighs that. What one side was not put to the
 * test for is never taken for kept.
 */
export function compareJudgements(a: readonly Judgement[], b: readonly Judgement[]): Comparison {
  const sides = { a: sideOf(a), b: sideOf(b) };
  const believed = { a: a.filter(isBelieved), b: b.filter(isBelieved) };
  const tests = believed.a.length > 0 && believed.b.length > 0 ? testCounts(believed.a, believed.b, sides) : [];
  const differences: Difference[] = [...invariantDifferences(sides), ...tests.filter(({ better }) => better !== null)];
  const incomparable = obstacles(sides, believed);
  const open = [...incomparable, ...openQuestions(sides)];
  const decision = decide(differences, incomparable, open);
  return {
    verdict: VERDICTS[decision],
    decision,
    sentence: sentenceOf(decision, { sides, differences, tests, open }),
    caveats: caveats(a, b, believed, tests),
    ...sides,
    differences,
    tests,
  };
}

const VERDICTS: Record<Decision, Verdict> = {
  better: 'pass',
  worse: 'fail',
  'no difference seen': 'pass',
  'cannot say': 'unknown',
};

function decide(
  differences: readonly Difference[],
  incomparable: readonly string[],
  open: readonly string[],
): Decision {
  if (incomparable.length > 0) return 'cannot say';
  if (differences.some(({ better }) => better === 'a')) return 'worse';
  if (open.length > 0) return 'cannot say';
  return differences.some(({ better }) => better === 'b') ? 'better' : 'no difference seen';
}

interface Pair<T> {
  readonly a: T;
  readonly b: T;
}

/** What makes the two sides incomparable as a whole. */
function obstacles(sides: Pair<ComparisonSide>, believed: Pair<readonly Judgement[]>): string[] {
  const found: string[] = [];
  if (sides.a.scenario !== sides.b.scenario) {
    found.push(`the scenarios differ (${sides.a.scenario} and ${sides.b.scenario})`);
  }
  for (const key of ['a', 'b'] as const) {
    if (believed[key].length > 0) continue;
    const shaky = sides[key].assumptions.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name);
    const why = shaky.length > 0 ? `${some(shaky, 3)} did not hold` : 'there was no load';
    found.push(`no run of ${namesOf(sides)[key]} can be believed: ${why}`);
  }
  return found;
}

/** Invariants that leave it open whether B is worse, each with its reason. */
function openQuestions(sides: Pair<ComparisonSide>): string[] {
  const names = namesOf(sides);
  return paired(sides).flatMap(({ name, a: before, b: after }) => {
    if (after.verdict === 'unknown' && (after.aimed || before.aimed || before.verdict === 'fail')) {
      return [`${name} was not put to the test on ${names.b}`];
    }
    const onlyB = after.verdict === 'fail' && before.verdict === 'unknown';
    return onlyB ? [`${name} is broken on ${names.b}, and was not put to the test on ${names.a}`] : [];
  });
}

interface InvariantPair extends Pair<ComparedInvariant> {
  readonly name: string;
}

function paired({ a, b }: Pair<ComparisonSide>): InvariantPair[] {
  const find = (side: ComparisonSide, name: string): ComparedInvariant =>
    side.invariants.find((invariant) => invariant.name === name) ?? {
      name,
      claim: '',
      verdict: 'unknown',
      aimed: false,
      violations: 0,
      chances: 0,
    };
  const names = new Set([...a.invariants, ...b.invariants].map(({ name }) => name));
  return [...names].map((name) => ({ name, a: find(a, name), b: find(b, name) }));
}

function invariantDifferences(sides: Pair<ComparisonSide>): InvariantDifference[] {
  const names = namesOf(sides);
  const { a, b } = sides;
  return paired(sides)
    .filter((pair) => pair.a.verdict !== pair.b.verdict)
    .map(({ name, a: before, b: after }) => {
      const known = before.verdict !== 'unknown' && after.verdict !== 'unknown';
      const [beforeRate, afterRate] = [rate(before, a), rate(after, b)];
      const p_value =
        known && a.load_seconds > 0 && b.load_seconds > 0 ? compareRates(beforeRate, afterRate).p_value : null;
      const better = known ? (after.verdict === 'fail' ? 'a' : 'b') : null;
      const seen = change('s', beforeRate, afterRate);
      // The promise counts as broken all the same: it was seen. How sure it is that B differs is another question.
      const weak =
        p_value !== null && p_value >= 0.05 ? `; so few could part by chance, p = ${probability(p_value)}` : '';
      return {
        kind: 'invariant',
        name,
        a: before.verdict,
        b: after.verdict,
        a_violations: before.violations,
        b_violations: after.violations,
        better,
        p_value,
        sentence: `${invariantSentence(name, before.verdict, after.verdict, names.a, names.b)} (${seen}${weak})`,
      };
    });
}

function rate({ violations }: ComparedInvariant, { load_seconds }: ComparisonSide) {
  return { count: violations, exposure: load_seconds };
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

/** Two runs of one build are told apart as A and B. */
function namesOf(sides: Pair<ComparisonSide>): Pair<string> {
  const [a, b] = [sides.a.build, sides.b.build];
  return a === b ? { a: `${a} (A)`, b: `${b} (B)` } : { a, b };
}

interface Findings {
  readonly sides: Pair<ComparisonSide>;
  readonly differences: readonly Difference[];
  readonly tests: readonly CountDifference[];
  readonly open: readonly string[];
}

function sentenceOf(decision: Decision, { sides, differences, tests, open }: Findings): string {
  const { a, b } = namesOf(sides);
  const gains = deeds(differences, 'b', sides);
  const losses = deeds(differences, 'a', sides);
  switch (decision) {
    case 'worse': {
      const though = gains.length > 0 ? `; though it ${some(gains, 4)}` : '';
      return `${b} is worse than ${a}: it ${some(losses, 4)}${though}`;
    }
    case 'better':
      return `${b} ${some(gains, 4)}; nothing got worse that these runs could have seen${stillBroken(sides)}`;
    case 'cannot say': {
      const seen = [...losses, ...gains];
      const sofar = seen.length > 0 ? `; what was seen: ${b} ${some(seen, 4)}` : '';
      return `cannot say whether ${b} is better or worse than ${a}: ${some(open, 3)}${sofar}`;
    }
    case 'no difference seen': {
      const seen = tests
        .filter(({ decides }) => decides)
        .slice(0, 2)
        .map(sensitivity);
      const limit = seen.length > 0 ? `; these runs would have seen ${listed(seen)}` : '';
      return `no difference seen between ${a} and ${b}${limit}${stillBroken(sides)}`;
    }
    default:
      return decision satisfies never;
  }
}

/** What B does that A does not, as verbs. A count that an invariant already tells is not told again. */
function deeds(differences: readonly Difference[], better: 'a' | 'b', sides: Pair<ComparisonSide>): string[] {
  const told = new Set(
    differences.filter(({ kind, better: side }) => kind === 'invariant' && side === better).map(({ name }) => name),
  );
  return differences.flatMap((difference) => {
    if (difference.better !== better) return [];
    if (difference.kind === 'count') {
      const { name, title, a, b, a_exposure, b_exposure, exposure_unit } = difference;
      if (name === 'deadlocks' && told.has('no-deadlocks')) return [];
      const seen = change(exposure_unit, { count: a, exposure: a_exposure }, { count: b, exposure: b_exposure });
      return [`has ${better === 'b' ? 'fewer' : 'more'} ${title} (${seen})`];
    }
    const [before, after] = [difference.a_violations, difference.b_violations].map((violations, index) => ({
      count: violations,
      exposure: (index === 0 ? sides.a : sides.b).load_seconds,
    }));
    const seen = before && after ? change('s', before, after) : '';
    if (difference.name === 'no-deadlocks') return [`${better === 'b' ? 'removes the' : 'has'} deadlocks (${seen})`];
    return [`${better === 'b' ? 'keeps' : 'breaks'} ${difference.name} (${seen})`];
  });
}

function stillBroken(sides: Pair<ComparisonSide>): string {
  const both = paired(sides).filter((pair) => pair.a.verdict === 'fail' && pair.b.verdict === 'fail');
  return both.length === 0
    ? ''
    : `; broken on both: ${some(
        both.map(({ name }) => name),
        4,
      )}`;
}

function caveats(
  a: readonly Judgement[],
  b: readonly Judgement[],
  believed: Pair<readonly Judgement[]>,
  tests: readonly CountDifference[],
): string[] {
  const found: string[] = [];
  const left = a.length + b.length - believed.a.length - believed.b.length;
  if (left > 0) found.push(`${counted(left, 'run')} left out of the counts, because an assumption did not hold there.`);
  if (a.length === 1 && b.length === 1) {
    found.push('One run a side: how much two runs of the same build differ was not seen.');
  }
  const wide = tests.filter(({ dispersion, a: x, b: y }) => dispersion > 1.5 && x + y > 0).map(({ title }) => title);
  if (wide.length > 0) {
    found.push(
      `Runs of one side vary more than chance in ${some(wide, 3)}; there a difference must be larger to count.`,
    );
  }
  return found;
}
