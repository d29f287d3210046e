import type { Against, Comparison, CountDifference, MeasureDifference } from '../harness/model/comparison.ts';
import { amountOf, pValue, rate } from './words.ts';

/** One count or measure over all builds, for the tables of every format. */
export interface ComparisonRow {
  readonly name: string;
  readonly title: string;
  readonly decides: boolean;
  readonly lanes: readonly ComparisonLane[];
}

/** One build's side of it. */
export interface ComparisonLane {
  readonly letter: string;
  readonly build: string;
  /** Of each run, on the axis that all lanes share. */
  readonly runs: readonly number[];
  readonly low: number;
  readonly high: number;
  readonly middle: number;
  /** `14.2/min`, `0, at most 0.08/min`. */
  readonly said: string;
  /** Null for A, the base of the comparison. */
  readonly against: AgainstA | null;
}

export interface AgainstA {
  readonly better: 'a' | 'b' | null;
  /** More or fewer, higher or lower; null: no significant difference. */
  readonly change: 'more' | 'fewer' | 'higher' | 'lower' | null;
  readonly ratio: string;
  readonly interval: string;
  readonly p: number;
  /** What these runs could detect: `minimum detectable: 22/min`, `too few runs to detect any increase`. */
  readonly sensitivity: string;
  /** Runs a side that it takes to detect what was asked for; null: not asked. */
  readonly needed: string | null;
}

/** The counts: first what got worse, then what got better, then by p. */
export function countRows(comparison: Comparison): ComparisonRow[] {
  return rowsOf(comparison, ({ tests }) => tests, countLane, baseOfCount);
}

export function measureRows(comparison: Comparison): ComparisonRow[] {
  return rowsOf(comparison, ({ measures }) => measures, measureLane, baseOfMeasure);
}

function rowsOf<T extends CountDifference | MeasureDifference>(
  { a, pairs, detect }: Comparison,
  testsOf: (pair: Against) => readonly T[],
  laneOf: (test: T, pair: Against, detect: number) => ComparisonLane,
  baseOf: (test: T, build: string) => ComparisonLane,
): ComparisonRow[] {
  const tests = pairs.flatMap((pair) => testsOf(pair).map((test) => ({ pair, test })));
  const names = [...new Set(tests.map(({ test }) => test.name))];
  const rows = names.flatMap((name) => {
    const same = tests.filter(({ test }) => test.name === name);
    const [first] = same;
    if (first === undefined) return [];
    const lanes = [baseOf(first.test, a.build), ...same.map(({ test, pair }) => laneOf(test, pair, detect))];
    const { title, decides } = first.test;
    return [{ name, title, decides, lanes }];
  });
  return rows.sort((x, y) => rankOf(x) - rankOf(y) || leastP(x) - leastP(y));
}

function rankOf({ decides, lanes }: ComparisonRow): number {
  if (!decides) return 9;
  const found = lanes.flatMap(({ against }) => (against === null ? [] : [against.better]));
  return found.includes('a') ? 0 : found.includes('b') ? 1 : 2;
}

function leastP({ lanes }: ComparisonRow): number {
  return Math.min(...lanes.flatMap(({ against }) => (against === null ? [] : [against.p])));
}

function baseOfCount(test: CountDifference, build: string): ComparisonLane {
  const { a, a_exposure, a_interval, a_rates } = test;
  return { letter: 'A', build, ...side(test, a, a_exposure, a_interval, a_rates), against: null };
}

function countLane(test: CountDifference, { letter, b: side_b }: Against, detect: number): ComparisonLane {
  const { b, b_exposure, b_interval, b_rates, better, smallest_count_seen, runs_needed, decides, p_adjusted } = test;
  const differs = decides ? better !== null : p_adjusted < 0.05;
  const more = test.ratio === null ? b > 0 : test.ratio > 1;
  const needed = runs_needed === null ? 'over 100' : `${runs_needed}`;
  return {
    letter,
    build: side_b.build,
    ...side(test, b, b_exposure, b_interval, b_rates),
    against: {
      better,
      change: differs ? (more ? 'more' : 'fewer') : null,
      ratio: test.ratio === null ? (b === 0 ? '–' : '∞') : `× ${Number(test.ratio.toPrecision(2))}`,
      interval: limits(test.interval),
      p: p_adjusted,
      sensitivity:
        smallest_count_seen === null
          ? 'too few runs to detect any increase'
          : `minimum detectable: ${rate(test.exposure_unit, smallest_count_seen / b_exposure)}`,
      needed: decides && better === null && test.a > 0 && detect > 1 ? needed : null,
    },
  };
}

function side(
  { exposure_unit }: CountDifference,
  events: number,
  exposure: number,
  [low, high]: readonly [number, number],
  runs: readonly number[],
): Pick<ComparisonLane, 'runs' | 'low' | 'high' | 'middle' | 'said'> {
  const middle = exposure === 0 ? 0 : events / exposure;
  const said = events === 0 ? `0 (≤ ${rate(exposure_unit, high)})` : rate(exposure_unit, middle);
  return { runs, low, high, middle, said };
}

function baseOfMeasure(test: MeasureDifference, build: string): ComparisonLane {
  const { a, a_runs, unit } = test;
  return { letter: 'A', build, ...spread(a, a_runs), said: amountOf(unit, a), against: null };
}

function measureLane(test: MeasureDifference, { letter, b: side_b }: Against): ComparisonLane {
  const { b, b_runs, unit, better, decides, p_adjusted, ratio, smallest_ratio_seen } = test;
  const differs = decides ? better !== null : p_adjusted < 0.05;
  return {
    letter,
    build: side_b.build,
    ...spread(b, b_runs),
    said: amountOf(unit, b),
    against: {
      better,
      change: differs ? (ratio > 1 ? 'higher' : 'lower') : null,
      ratio: `× ${Number(ratio.toPrecision(2))}`,
      interval: limits(test.interval),
      p: p_adjusted,
      sensitivity: `minimum detectable: × ${Number(smallest_ratio_seen.toPrecision(2))}`,
      needed: null,
    },
  };
}

function spread(middle: number, runs: readonly number[]): Pick<ComparisonLane, 'runs' | 'low' | 'high' | 'middle'> {
  return { runs, middle, low: Math.min(...runs), high: Math.max(...runs) };
}

function limits(interval: readonly [number, number | null] | null): string {
  if (interval === null) return '–';
  const [low, high] = interval;
  return `${Number(low.toPrecision(2))} to ${high === null ? '∞' : Number(high.toPrecision(2))}`;
}

/** `fewer, p = 0.002`; without a difference what could have been detected. */
export function comparedText({ change, p, sensitivity }: AgainstA): string {
  return change === null ? sensitivity : `${change}, ${pValue(p)}`;
}

/** Whether anything was counted at all, on any side. */
export function isCounted({ lanes }: ComparisonRow): boolean {
  return lanes.some(({ middle }) => middle > 0);
}
