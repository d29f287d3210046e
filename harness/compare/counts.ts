import { changeWords, count, counted, pValue, seconds } from '../../reports/words.ts';
import type { CountDifference } from '../model/comparison.ts';
import type { BetweenRuns } from '../statistics/between-runs.ts';
import {
  compareCounts,
  rateInterval,
  SPREADS,
  smallestCountSeen,
  type Weights,
  weightsAfter,
} from '../statistics/count-test.ts';
import { runsNeeded } from '../statistics/power.ts';
import { lastLevel } from '../statistics/spending.ts';
import { type Counted, pooled } from '../statistics/statistics.ts';
import type { CountSeries } from './series.ts';

/** Below this, after correction, a difference is significant. */
export const LEVEL = 0.05;

/** A count before it is known how many tests share the level. */
export interface CountTest {
  readonly series: CountSeries;
  readonly weights: Weights;
  readonly test: ReturnType<typeof compareCounts>;
}

export function testCount(series: CountSeries, between: BetweenRuns): CountTest {
  const weights = weightsAfter(between.counts[series.kind], [series.a, series.b]);
  return { series, weights, test: compareCounts(series.a, series.b, weights) };
}

export interface Shared {
  readonly p_adjusted: number;
  /** The level that one test has, if all the others need theirs too. */
  readonly level: number;
  /** The same of all looks together. */
  readonly own: number;
  readonly detect: number;
  readonly between: BetweenRuns;
}

export function countDifference({ series, weights, test }: CountTest, shared: Shared): CountDifference {
  const { a, b, unit, decides } = series;
  const [inA, inB] = [pooled(a), pooled(b)];
  const { p_adjusted, level, own, detect, between } = shared;
  const more = inB.count / inB.exposure > inA.count / inA.exposure ? 'a' : 'b';
  const better = decides && p_adjusted < LEVEL ? more : null;
  // With so many a doubled rate is seen also by a comparison that looks before.
  const levelOf = (runs: number) => lastLevel(own, runs);
  const plan = { between: between.counts[series.kind], levelOf, factor: detect, weights };
  return {
    kind: 'count',
    name: series.name,
    title: series.title,
    a: inA.count,
    b: inB.count,
    a_exposure: inA.exposure,
    b_exposure: inB.exposure,
    exposure_unit: unit,
    a_rates: a.map(rateOf),
    b_rates: b.map(rateOf),
    decides,
    better,
    p_value: test.p_value,
    p_adjusted,
    ratio: test.ratio,
    interval: test.interval,
    a_interval: rateInterval(a, weights),
    b_interval: rateInterval(b, weights),
    between_runs: Math.sqrt(weights.reduce((sum, weight, index) => sum + weight * (SPREADS[index] ?? 0), 0)),
    smallest_count_seen: decides ? smallestCountSeen(a, b, weights, level) : null,
    runs_needed: detect > 1 && decides && better === null && inA.count > 0 ? runsNeeded(a, plan) : null,
    sentence: `${series.title}: ${changeWords(unit, inA, inB)}, ${pValue(p_adjusted)}`,
  };
}

function rateOf({ count: events, exposure }: Counted): number {
  return exposure === 0 ? 0 : events / exposure;
}

/** The smallest increase of a count that these runs could detect, beside "no difference seen". */
export function sensitivity({ title, b_exposure, exposure_unit, smallest_count_seen }: CountDifference): string {
  const unit = exposure_unit === 's' ? `in ${seconds(b_exposure)}` : `of ${counted(b_exposure, 'operation')}`;
  return `${title} ${count(smallest_count_seen ?? Number.NaN)} ${unit}`;
}
