import { amountOf, counted, listed, rate, some } from '../../reports/words.ts';
import type { ComparisonSide, CountDifference, Decision, Difference, MeasureDifference } from '../model/comparison.ts';
import { executorBehaviourOf } from '../model/scenario.ts';
import { isValidRun, type Judgement } from '../model/verdict.ts';
import { RUNS_FOR_SHIFT } from '../statistics/shift-test.ts';
import { sensitivity } from './counts.ts';

interface Pair<T> {
  readonly a: T;
  readonly b: T;
}

/** Two sides of one build have their letters as names. */
export function namesOf({ a, b }: Pair<ComparisonSide>, letter: string): Pair<string> {
  return a.build === b.build ? { a: `${a.build} (A)`, b: `${b.build} (${letter})` } : { a: a.build, b: b.build };
}

export interface ComparisonFacts {
  readonly sides: Pair<ComparisonSide>;
  readonly letter: string;
  readonly differences: readonly Difference[];
  readonly tests: readonly CountDifference[];
  readonly shifts: readonly MeasureDifference[];
  readonly open: readonly string[];
}

/** The decision and what it rests on. */
export function comparisonSentence(decision: Decision, facts: ComparisonFacts): string {
  const { sides, letter, differences, tests, open } = facts;
  const { a, b } = namesOf(sides, letter);
  const gains = changesOf(differences, 'b', tests);
  const losses = changesOf(differences, 'a', tests);
  const runs = counted(sides.a.runs.length + sides.b.runs.length, 'run');
  switch (decision) {
    case 'worse': {
      const gained = gains.length > 0 ? `; but it ${some(gains, 4)}` : '';
      return `${b} is worse than ${a}: it ${some(losses, 4)}${gained}`;
    }
    case 'better':
      return `${b} ${some(gains, 4)}; no regression was detected in ${runs}${stillBroken(sides)}`;
    case 'cannot say': {
      const seen = [...losses, ...gains];
      const sofar = seen.length > 0 ? `; observed so far: ${b} ${some(seen, 4)}` : '';
      return `Cannot say whether ${b} is better or worse than ${a}: ${some(open, 3)}${sofar}`;
    }
    case 'no difference seen':
      return `No difference seen between ${a} and ${b}${onlyInA(facts, a)}${limits(tests)}${stillBroken(sides)}`;
    default:
      return decision satisfies never;
  }
}

/** Of the two counts that matter most, the smallest increase that these runs could detect. */
function limits(tests: readonly CountDifference[]): string {
  const foremost = tests.filter(({ decides }) => decides).slice(0, 2);
  const seen = foremost.filter(({ smallest_count_seen: least }) => least !== null).map(sensitivity);
  const unseen = foremost.filter(({ smallest_count_seen: least }) => least === null).map(({ title }) => title);
  return [
    seen.length > 0 ? `; minimum detectable increases: ${listed(seen)}` : '',
    unseen.length > 0 ? `; too few runs to detect any increase of ${listed(unseen)}` : '',
  ].join('');
}

/** An invariant that only A violated, too rarely for a significant difference: B is not shown to satisfy it. */
function onlyInA({ differences }: ComparisonFacts, a: string): string {
  const names = differences.flatMap((one) =>
    one.kind === 'invariant' && one.better === null && one.a === 'fail' && one.b === 'pass' ? [one.name] : [],
  );
  return names.length === 0 ? '' : `; only ${a} violated ${some(names, 4)}, too rarely to establish a difference`;
}

/** What B does that A does not, as verbs. A count of the violations of an invariant is not said a second time. */
function changesOf(differences: readonly Difference[], better: 'a' | 'b', tests: readonly CountDifference[]): string[] {
  const said = new Set(
    differences.filter(({ kind, better: side }) => kind === 'invariant' && side === better).map(({ name }) => name),
  );
  return differences.flatMap((difference) => {
    if (difference.better !== better) return [];
    switch (difference.kind) {
      case 'invariant': {
        const test = tests.find(({ name }) => invariantOf(name) === difference.name);
        const seen = test === undefined ? '' : ` (${rates(test)})`;
        if (difference.name === 'no-deadlocks') return [`${better === 'b' ? 'removes the' : 'has'} deadlocks${seen}`];
        return [`${better === 'b' ? 'no longer violates' : 'violates'} ${difference.name}${seen}`];
      }
      case 'count': {
        if (said.has(invariantOf(difference.name) ?? '')) return [];
        return [`has ${better === 'b' ? 'fewer' : 'more'} ${difference.title} (${rates(difference)})`];
      }
      case 'measure': {
        const { title, unit, a, b } = difference;
        const way = b > a ? 'raises' : 'lowers';
        return [`${way} ${title} (${amountOf(unit, a)} → ${amountOf(unit, b)})`];
      }
      default:
        return difference satisfies never;
    }
  });
}

/** The invariant that a count of violations belongs to, by the count's name. */
function invariantOf(name: string): string | undefined {
  if (name === 'deadlocks') return 'no-deadlocks';
  if (name === 'http_5xx') return 'error-contract';
  return /^violations\{invariant:([^,}]+)/.exec(name)?.[1];
}

/** `14.2/min → 0, at most 0.08/min at 95 %`. */
export function rates(test: CountDifference): string {
  const { a, b, a_exposure, b_exposure, a_interval, b_interval, exposure_unit } = test;
  const shown = (events: number, exposure: number, [, most]: readonly [number, number]) =>
    events === 0 ? `0, at most ${rate(exposure_unit, most)} at 95 %` : rate(exposure_unit, events / exposure);
  return `${shown(a, a_exposure, a_interval)} → ${shown(b, b_exposure, b_interval)}`;
}

function stillBroken({ a, b }: Pair<ComparisonSide>): string {
  const broken = new Set(a.invariants.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name));
  const both = b.invariants.filter(({ name, verdict }) => verdict === 'fail' && broken.has(name));
  return both.length === 0
    ? ''
    : `; violated on both: ${some(
        both.map(({ name }) => name),
        4,
      )}`;
}

interface Grounds {
  readonly a: readonly Judgement[];
  readonly b: readonly Judgement[];
  readonly tests: readonly CountDifference[];
  readonly shifts: readonly MeasureDifference[];
}

/** What a reader should know before believing the sentence. */
export function caveatsOf({ a, b, tests, shifts }: Grounds): string[] {
  const found: string[] = [];
  const left = [...a, ...b].filter((run) => !isValidRun(run)).length;
  if (left > 0) found.push(`${counted(left, 'run')} not counted: an assumption did not hold there.`);
  if (a.length === 1 || b.length === 1) {
    found.push(
      'One run on a side: the variation between runs of a build is taken from earlier recordings (docs/comparing.md).',
    );
  }
  if (tests.length > 0 && shifts.length === 0) {
    found.push(`Latency, throughput and cost are not compared: that takes ${RUNS_FOR_SHIFT} valid runs a side.`);
  }
  const executors = (runs: readonly Judgement[]) => [...new Set(runs.map(executorBehaviourOf))].sort().join(' and ');
  if (a.length > 0 && b.length > 0 && executors(a) !== executors(b)) {
    found.push(
      `The executors behaved differently (${executors(a)} on one side, ${executors(b)} on the other): ` +
        'differences may come from that (docs/harness.md).',
    );
  }
  const seeds = (runs: readonly Judgement[]) => runs.map(({ seed }) => seed).sort((x, y) => x - y);
  if (a.length > 0 && b.length > 0 && seeds(a).join() !== seeds(b).join()) {
    found.push('The two sides have different seeds: differences may come from the load.');
  }
  return found;
}
