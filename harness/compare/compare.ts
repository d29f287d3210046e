import { some } from '../../reports/words.ts';
import type {
  Against,
  Comparison,
  ComparisonSide,
  CountDifference,
  Decision,
  Difference,
  MeasureDifference,
} from '../model/comparison.ts';
import { isValidRun, type Judgement, type Verdict } from '../model/verdict.ts';
import { BETWEEN_RUNS, type BetweenRuns } from '../statistics/between-runs.ts';
import { type Look, levelAtLook, pOverLooks } from '../statistics/spending.ts';
import { holm } from '../statistics/statistics.ts';
import { type CountTest, countDifference, LEVEL, type Shared, testCount } from './counts.ts';
import { invariantDifferences, openQuestions } from './invariants.ts';
import { looksOf } from './looks.ts';
import { type MeasureTest, measureDifference, measuresOf, testMeasure } from './measures.ts';
import { caveatsOf, comparisonSentence, namesOf } from './sentence.ts';
import { seriesOf } from './series.ts';
import { comparedFindings, sideOf, worst } from './sides.ts';

export interface CompareOptions {
  /** The variation between runs of one build, as known before. */
  readonly between?: BetweenRuns;
  /** The factor by which a rate must rise for the planned runs. */
  readonly detect?: number;
  /** Of a comparison that could have ended before; null: it is decided once, from all runs. */
  readonly look?: Look | null;
}

type Runs = readonly Judgement[];

/** Is build B better or worse than build A? */
export function comparePair(a: Runs, b: Runs, options: CompareOptions = {}): Comparison {
  return compareBuilds([a, b], options);
}

/** What was tested of one pair, before it is known how many tests there are in all. */
interface Tested {
  readonly letter: string;
  readonly a: Runs;
  readonly b: Runs;
  readonly sides: { readonly a: ComparisonSide; readonly b: ComparisonSide };
  readonly counts: readonly CountTest[];
  readonly measures: readonly MeasureTest[];
}

/**
 * Which of these builds are better or worse than the first? A build is worse if deadlocks, 5xx, violations of an
 * invariant, a latency or a cost increased significantly; no improvement outweighs that. An invariant that only B was
 * seen to violate, too rarely for a significant difference, leaves the question open. What a side did not exercise
 * enough never counts as satisfied.
 */
export function compareBuilds(builds: readonly Runs[], options: CompareOptions = {}): Comparison {
  const { between = BETWEEN_RUNS, detect = 2, look = null } = options;
  const [a = [], ...others] = builds;
  const base = sideOf(a);
  const tested = others.map((b, index) => testPair(String.fromCharCode(66 + index), a, b, base, between));
  const shared = shareLevel(tested, { between, detect, look });
  const pairs = tested.map((one) => against(one, shared));
  const [first] = pairs;
  if (first === undefined) throw new Error('a comparison needs two builds');
  const verdict = worst(pairs.map((pair) => pair.verdict));
  return {
    verdict,
    decision: (pairs.find((pair) => pair.verdict === verdict) ?? first).decision,
    sentence: pairs.map(({ sentence }) => sentence).join('. '),
    caveats: [...new Set(pairs.flatMap(({ caveats }) => caveats))],
    a: base,
    b: first.b,
    differences: first.differences,
    tests: first.tests,
    pairs,
    deciding_tests: shared.deciding,
    detect,
    looks: looksOf(look),
  };
}

function testPair(letter: string, a: Runs, b: Runs, base: ComparisonSide, between: BetweenRuns): Tested {
  const sides = { a: base, b: sideOf(b) };
  const valid = { a: a.filter(isValidRun), b: b.filter(isValidRun) };
  const possible = valid.a.length > 0 && valid.b.length > 0;
  return {
    letter,
    a,
    b,
    sides,
    counts: possible ? seriesOf({ a, b }, sides).map((series) => testCount(series, between)) : [],
    measures: possible ? measuresOf(valid).flatMap((measured) => testMeasure(measured, between)) : [],
  };
}

interface SharedLevel {
  readonly deciding: number;
  of(test: CountTest | MeasureTest): Shared;
}

/**
 * Holm, over all pairs, so that 5 % is the probability of any false difference at all. One half of it belongs to the
 * counts of invariants that the scenario aims at, the other half to everything else that decides: what a scenario is
 * made to detect is not drowned by everything else that is compared. What only informs has 5 % of its own. Each p-value
 * first allows for the looks, so that the 5 % is theirs together.
 */
function shareLevel(tested: readonly Tested[], { between, detect, look }: Required<CompareOptions>): SharedLevel {
  const all = tested.flatMap(({ sides, counts, measures }) => [
    ...counts.map((one) => ({ one, family: familyOf(one, sides) })),
    ...measures.map((one) => ({ one, family: one.measured.decides ? ('others' as const) : ('informing' as const) })),
  ]);
  // A count of 0 on all sides cannot differ, so it takes nothing from the level of the others.
  const possible = all.filter(({ one }) => 'measured' in one || one.test.interval !== null);
  const shared = new Map<CountTest | MeasureTest, Shared>();
  for (const family of ['aimed', 'others', 'informing'] as const) {
    const members = all.filter((member) => member.family === family).map(({ one }) => one);
    const tests = possible.filter((member) => member.family === family).map(({ one }) => one);
    const halves = family === 'informing' ? 1 : 2;
    const adjusted = holm(tests.map(({ test }) => pOverLooks(test.p_value, look)));
    const own = LEVEL / halves / Math.max(1, tests.length);
    const level = levelAtLook(own, look);
    for (const one of members) {
      const p_adjusted = Math.min(1, halves * (adjusted[tests.indexOf(one)] ?? 1));
      shared.set(one, { p_adjusted, level, own, detect, between });
    }
  }
  const deciding = possible.filter(({ family }) => family !== 'informing').length;
  return { deciding, of: (test) => shared.get(test) ?? { p_adjusted: 1, level: 0, own: 0, detect, between } };
}

function familyOf({ series }: CountTest, { a, b }: Tested['sides']): 'aimed' | 'others' | 'informing' {
  if (!series.decides) return 'informing';
  const aims = [...a.invariants, ...b.invariants].some(({ name, aimed }) => aimed && name === series.invariant);
  return aims ? 'aimed' : 'others';
}

const VERDICTS: Record<Decision, Verdict> = {
  better: 'pass',
  worse: 'fail',
  'no difference seen': 'pass',
  'cannot say': 'unknown',
};

function against({ letter, a, b, sides, counts, measures }: Tested, shared: SharedLevel): Against {
  const tests = counts.map((one) => ({ invariant: one.series.invariant, test: countDifference(one, shared.of(one)) }));
  const shifts = measures.map((one) => measureDifference(one, shared.of(one)));
  const invariants = invariantDifferences(sides, tests, letter);
  const counted = tests.map(({ test }) => test);
  const differences: Difference[] = [...invariants, ...different(counted), ...different(shifts)];
  const incomparable = obstacles(sides, { a: a.filter(isValidRun), b: b.filter(isValidRun) }, letter);
  const open = [...incomparable, ...openQuestions(sides, invariants, letter)];
  const decision = decide(differences, incomparable, open);
  const caveats = caveatsOf({ a, b, tests: counted, shifts });
  return {
    letter,
    verdict: VERDICTS[decision],
    decision,
    sentence: comparisonSentence(decision, { sides, letter, differences, tests: counted, shifts, open }),
    caveats,
    b: sides.b,
    differences,
    tests: counted,
    measures: shifts,
    findings: comparedFindings(a, b),
  };
}

function different<T extends CountDifference | MeasureDifference>(all: readonly T[]): T[] {
  return all.filter(({ better }) => better !== null);
}

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

/** What makes the two sides incomparable as a whole. */
function obstacles(sides: Tested['sides'], valid: { readonly a: Runs; readonly b: Runs }, letter: string): string[] {
  const found: string[] = [];
  if (sides.a.scenario !== sides.b.scenario) {
    found.push(`the scenarios differ (${sides.a.scenario} and ${sides.b.scenario})`);
  }
  for (const key of ['a', 'b'] as const) {
    if (valid[key].length > 0) continue;
    const shaky = sides[key].assumptions.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name);
    const why = shaky.length > 0 ? `${some(shaky, 3)} did not hold` : 'there was no load';
    found.push(`no valid run of ${namesOf(sides, letter)[key]}: ${why}`);
  }
  return found;
}
