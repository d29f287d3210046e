import KNOWN from './between-runs.json' with { type: 'json' };
import { type Prior, SPREADS } from './count-test.ts';
import type { Scatter } from './shift-test.ts';

/**
 * How far runs of one build lie apart, measured: what a comparison begins from before its own runs have said anything.
 * One run a side says nothing of it and three say little; to take them for alike would find differences between a build
 * and itself. `npm run bench:honesty -- --fit` writes the file from kept runs, and says there of which.
 */
export interface BetweenRuns {
  /** For each kind of count, how probable each of `SPREADS` is. */
  readonly counts: Readonly<Record<CountKind, Prior>>;
  readonly measures: Readonly<Record<MeasureKind, Scatter>>;
}

/** What goes wrong (deadlocks, 5xx, violations), and 4xx, most of which are right. */
export const COUNT_KINDS = ['wrongs', 'refusals'] as const;
export type CountKind = (typeof COUNT_KINDS)[number];

export const MEASURE_KINDS = ['latency', 'throughput', 'cpu', 'memory', 'lock waits'] as const;
export type MeasureKind = (typeof MEASURE_KINDS)[number];

export const BETWEEN_RUNS: BetweenRuns = known();

function known(): BetweenRuns {
  for (const kind of COUNT_KINDS) {
    const { rare, frequent } = KNOWN.counts[kind];
    if (rare.length !== SPREADS.length || frequent.length !== SPREADS.length) {
      throw new Error(`harness/statistics/between-runs.json: ${kind} must have ${SPREADS.length} weights`);
    }
  }
  return { counts: KNOWN.counts, measures: KNOWN.measures };
}
