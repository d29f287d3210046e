import { amountOf, pValue } from '../../reports/words.ts';
import type { MeasureDifference } from '../model/comparison.ts';
import type { Judgement, LatencySummary } from '../model/verdict.ts';
import type { BetweenRuns, MeasureKind } from '../statistics/between-runs.ts';
import { compareShift, mean, RUNS_FOR_SHIFT, type ShiftTest } from '../statistics/shift-test.ts';
import { LEVEL, type Shared } from './counts.ts';
import type { Sides } from './series.ts';

/** One value of every valid run of both sides. */
export interface MeasureSeries {
  readonly name: string;
  readonly title: string;
  readonly kind: MeasureKind;
  readonly unit: MeasureDifference['unit'];
  readonly decides: boolean;
  readonly worse: 'higher' | 'lower';
  /** Below this a value is nothing, and twice nothing is no shift. */
  readonly floor: number;
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** A shift decides from here on: 10 % more or less of a latency or a cost is no reason to stay or to go. */
export const MARGIN = 1.1;

const OF_RUN = [
  {
    name: 'tasks_per_second',
    title: 'tasks ended a second',
    kind: 'throughput',
    unit: '1/s',
    decides: true,
    worse: 'lower',
    floor: 0.01,
  },
  { name: 'cpu_s_per_task', title: 'CPU a task', kind: 'cpu', unit: 's', decides: true, worse: 'higher', floor: 0.001 },
  {
    name: 'memory_bytes',
    title: 'memory of Airflow’s processes',
    kind: 'memory',
    unit: 'bytes',
    decides: true,
    worse: 'higher',
    floor: 1e6,
  },
  {
    name: 'lock_waits',
    title: 'backends waiting for a lock',
    kind: 'lock waits',
    unit: '',
    decides: false,
    worse: 'higher',
    floor: 0.1,
  },
] as const;

/** The 95th percentile decides; the others say more of the same requests. Fewer requests have no such percentile. */
const QUANTILES = [
  { name: 'p50', of: ({ p50_ms }: LatencySummary) => p50_ms, decides: false, requests: 10 },
  { name: 'p95', of: ({ p95_ms }: LatencySummary) => p95_ms, decides: true, requests: 40 },
  { name: 'p99', of: ({ p99_ms }: LatencySummary) => p99_ms, decides: false, requests: 200 },
] as const;

/** What every valid run of both sides has a value of. */
export function measuresOf({ a, b }: Sides): MeasureSeries[] {
  const found: MeasureSeries[] = [];
  const add = (what: Omit<MeasureSeries, 'a' | 'b'>, of: (run: Judgement) => number | null) => {
    const [inA, inB] = [valuesOf(a, of), valuesOf(b, of)];
    if (inA !== null && inB !== null) found.push({ ...what, a: inA, b: inB });
  };
  for (const what of OF_RUN) add(what, (run) => run.measures?.[what.name] ?? null);
  const kinds = [...new Set([...a, ...b].flatMap(({ latency }) => latency.map(({ kind }) => kind)))].sort();
  for (const kind of kinds) {
    for (const { name, of, decides, requests } of QUANTILES) {
      const what = { kind: 'latency', unit: 'ms', decides, worse: 'higher', floor: 1 } as const;
      add({ ...what, name: `latency_${name}{operation:${kind}}`, title: `${kind} latency ${name}` }, (run) => {
        const summary = run.latency.find((one) => one.kind === kind);
        return summary !== undefined && summary.count >= requests ? of(summary) : null;
      });
    }
  }
  return found;
}

/** Null if a run has none, or if there are too few runs. */
function valuesOf(runs: readonly Judgement[], of: (run: Judgement) => number | null): number[] | null {
  const values = runs.map(of).filter((value) => value !== null);
  return values.length === runs.length && runs.length >= RUNS_FOR_SHIFT ? values : null;
}

export interface MeasureTest {
  readonly measured: MeasureSeries;
  readonly test: ShiftTest;
  readonly before: BetweenRuns['measures'][MeasureKind];
}

export function testMeasure(measured: MeasureSeries, between: BetweenRuns): MeasureTest[] {
  const before = between.measures[measured.kind];
  const test = compareShift(measured.a, measured.b, { before, floor: measured.floor, seed: measured.name });
  return test === null ? [] : [{ measured, test, before }];
}

export function measureDifference({ measured, test }: MeasureTest, { p_adjusted, level }: Shared): MeasureDifference {
  const { name, title, unit, decides, worse, floor } = measured;
  const [a, b] = [typical(measured.a, floor), typical(measured.b, floor)];
  const [low, high] = test.interval;
  const rose = low > MARGIN ? 'a' : high < 1 / MARGIN ? 'b' : null;
  const better = rose === null || worse === 'higher' ? rose : rose === 'a' ? 'b' : 'a';
  return {
    kind: 'measure',
    name,
    title,
    unit,
    a,
    b,
    a_runs: measured.a,
    b_runs: measured.b,
    decides,
    better: decides && p_adjusted < LEVEL ? better : null,
    ratio: test.ratio,
    interval: test.interval,
    p_value: test.p_value,
    p_adjusted,
    smallest_ratio_seen: Math.max(MARGIN, test.smallestSeen(level)),
    sentence: `${title}: ${amountOf(unit, a)} → ${amountOf(unit, b)}, ${pValue(p_adjusted)}`,
  };
}

function typical(values: readonly number[], floor: number): number {
  return Math.max(0, Math.exp(mean(values.map((value) => Math.log(value + floor)))) - floor);
}
