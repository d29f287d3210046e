import { measuresOf } from '../../harness/compare/measures.ts';
import { seriesOf } from '../../harness/compare/series.ts';
import { sideOf } from '../../harness/compare/sides.ts';
import type { Calibration, CalibrationRun } from '../../harness/model/calibration.ts';
import { groupBy } from '../../harness/model/group-by.ts';
import { isValidRun } from '../../harness/model/verdict.ts';
import {
  type BetweenRuns,
  COUNT_KINDS,
  type CountKind,
  MEASURE_KINDS,
  type MeasureKind,
} from '../../harness/statistics/between-runs.ts';
import { FREQUENT, logLikelihood, type Prior, SPREADS } from '../../harness/statistics/count-test.ts';
import { mean, type Scatter, sumOfSquares } from '../../harness/statistics/shift-test.ts';
import { logGamma } from '../../harness/statistics/special-functions.ts';
import { type Counted, pooled } from '../../harness/statistics/statistics.ts';
import type { Group } from './pool.ts';

/**
 * How far runs of one build lie apart, from groups of such runs. For counts: how probable each spread is, as the
 * mixture that makes all groups' counts most likely (expectation and maximisation), with one group's worth of doubt
 * spread evenly over all spreads, because another machine and another scenario are not in the pool. For measures: the
 * scatter of the logarithms and how many degrees of freedom it is worth, as most likely under Fisher's F (Smyth 2004).
 */
export function fitBetweenRuns(groups: readonly Group[], calibrations: readonly Calibration[]): BetweenRuns {
  const series = [...groups.flatMap(seriesOfGroup), ...calibrations.flatMap(seriesOfCalibration)];
  const scatters = groups.flatMap(scattersOf);
  const frequent = ({ runs }: GroupSeries) => pooled(runs).count >= FREQUENT * runs.length;
  const counts = COUNT_KINDS.map((kind) => {
    const ofKind = series.filter((one) => one.kind === kind);
    return [
      kind,
      { rare: spreadsOf(ofKind.filter((one) => !frequent(one))), frequent: spreadsOf(ofKind.filter(frequent)) },
    ] as const;
  });
  const measures = MEASURE_KINDS.map((kind) => [kind, scatterOf(scatters.filter((one) => one.kind === kind))] as const);
  return {
    counts: Object.fromEntries(counts) as unknown as Record<CountKind, Prior>,
    measures: Object.fromEntries(measures) as Record<MeasureKind, Scatter>,
  };
}

interface GroupSeries {
  /** The runs that were counted: many counts of the same few runs weigh together as one. */
  readonly of: string;
  readonly kind: CountKind;
  readonly runs: readonly Counted[];
}

/** The group against nothing: the series of one side. */
function seriesOfGroup({ name, runs }: Group): GroupSeries[] {
  const side = sideOf(runs);
  return seriesOf({ a: runs, b: runs }, { a: side, b: side })
    .filter(({ a }) => a.length >= 2 && pooled(a).count >= 4)
    .map(({ kind, a }) => ({ of: name, kind, runs: a }));
}

/** Violations of each invariant in the runs of one defect. */
function seriesOfCalibration({ started_at, runs, settings }: Calibration): GroupSeries[] {
  const sound = (run: CalibrationRun) =>
    run.failure === null && run.doubts.length === 0 && (settings.faults ?? null) === null;
  const groups = groupBy(runs.filter(sound), (run) =>
    JSON.stringify([started_at, run.build, run.scenario, run.schedulers, run.duration_s]),
  );
  return [...groups].flatMap(([of, same]) => {
    const names = [...new Set(same.flatMap(({ violations }) => Object.keys(violations)))];
    return names
      .map((name) => same.map((run) => ({ count: run.violations[name] ?? 0, exposure: run.duration_s })))
      .filter((counted) => counted.length >= 2 && pooled(counted).count >= 4)
      .map((counted) => ({ of, kind: 'wrongs' as const, runs: counted }));
  });
}

const ROUNDS = 500;
/** Unseen groups, evenly over all spreads. */
const DOUBT = 1;

function spreadsOf(series: readonly GroupSeries[]): number[] {
  const rows = series.map(({ of, runs }) => {
    const logs = SPREADS.map((spread) => logLikelihood(runs, spread));
    const largest = Math.max(...logs);
    const weight = 1 / series.filter((one) => one.of === of).length;
    return { weight, likely: logs.map((log) => Math.exp(log - largest)) };
  });
  const total = rows.reduce((sum, { weight }) => sum + weight, DOUBT);
  let weights: number[] = SPREADS.map(() => 1 / SPREADS.length);
  for (let round = 0; round < ROUNDS; round++) {
    const next = SPREADS.map(() => DOUBT / SPREADS.length);
    for (const { weight, likely } of rows) {
      const sum = likely.reduce((all, value, index) => all + value * (weights[index] ?? 0), 0);
      for (const [index, value] of likely.entries()) {
        next[index] = (next[index] ?? 0) + (weight * value * (weights[index] ?? 0)) / sum;
      }
    }
    weights = next.map((value) => value / total);
  }
  return weights.map((value) => Number(value.toPrecision(4)));
}

interface GroupScatter {
  readonly kind: MeasureKind;
  readonly variance: number;
  readonly freedom: number;
}

function scattersOf({ runs }: Group): GroupScatter[] {
  const believed = runs.filter(isValidRun);
  return measuresOf({ a: believed, b: believed }).map(({ kind, a, floor }) => {
    const logs = a.map((value) => Math.log(value + floor));
    return { kind, variance: sumOfSquares(logs) / (logs.length - 1), freedom: logs.length - 1 };
  });
}

function scatterOf(scatters: readonly GroupScatter[]): Scatter {
  let best = { deviation: 0.3, freedom: 1, log: Number.NEGATIVE_INFINITY };
  if (scatters.length === 0) return { deviation: best.deviation, freedom: best.freedom };
  const usual = Math.exp(mean(scatters.map(({ variance }) => Math.log(variance + 1e-6))) / 2);
  for (const freedom of [1, 1.5, 2, 3, 4, 6, 8, 12]) {
    for (let factor = 0.3; factor < 3; factor *= 1.05) {
      const deviation = usual * factor;
      const log = scatters.reduce((sum, one) => sum + logF(one.variance / deviation ** 2, one.freedom, freedom), 0);
      const shifted = log - scatters.length * 2 * Math.log(deviation);
      if (shifted > best.log) best = { deviation, freedom, log: shifted };
    }
  }
  return { deviation: Number(best.deviation.toPrecision(3)), freedom: best.freedom };
}

/** The logarithm of the density of Fisher's F. */
function logF(x: number, m: number, n: number): number {
  const at = Math.max(x, 1e-9);
  return (
    logGamma((m + n) / 2) -
    logGamma(m / 2) -
    logGamma(n / 2) +
    (m / 2) * Math.log(m / n) +
    (m / 2 - 1) * Math.log(at) -
    ((m + n) / 2) * Math.log1p((m / n) * at)
  );
}
