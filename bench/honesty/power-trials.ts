import { Rng } from '../../harness/model/rng.ts';
import type { BetweenRuns } from '../../reports/between-runs.ts';
import { LEVEL } from '../../reports/compare-counts.ts';
import { pValueOf, weightsAfter } from '../../reports/count-test.ts';
import { drawCount, runsNeeded } from '../../reports/power.ts';
import { type Counted, median, pooled } from '../../reports/statistics.ts';

export interface PowerTrial {
  readonly rate: number;
  readonly spread: number;
  readonly pilot: number;
  /** Median over the trials; null: in most of them more than 100. */
  readonly asked: number | null;
  readonly trials: number;
  readonly seen: number;
  readonly unanswered: number;
  /** The same with no difference: how often one is seen all the same. */
  readonly blamed: number;
}

/** Deadlocks a run and spreads as recorded: 3.2.1 under `seeds` at rest, and the reference stack on a busy machine. */
const SETTINGS = [
  { rate: 20, spread: 0.032 },
  { rate: 20, spread: 0.256 },
  { rate: 6, spread: 0.128 },
] as const;
const PILOTS = [2, 3] as const;
/** As a comparison has it: one of so many tests. */
const TESTS = 10;

/**
 * A pilot of a few runs, the number of runs that the tool then asks for to see a doubled rate, and a comparison of so
 * many runs with a build whose rate is doubled. Where it asks for more than 100 nothing is played, nor counted as seen.
 */
export function powerTrials(between: BetweenRuns, trials: number, seed: number): PowerTrial[] {
  const known = between.counts.wrongs;
  const level = LEVEL / 2 / TESTS;
  return SETTINGS.flatMap(({ rate, spread }) =>
    PILOTS.map((pilot) => {
      const rng = new Rng(seed, 'power-trials', rate, spread, pilot);
      const side = (runs: number, factor: number): Counted[] =>
        Array.from({ length: runs }, () => ({ count: drawCount(factor * rate, spread, rng), exposure: 60 }));
      const told = (a: readonly Counted[], b: readonly Counted[]) =>
        pValueOf(a, b, weightsAfter(known, [a, b])) < level;
      const asked: number[] = [];
      let seen = 0;
      let unanswered = 0;
      let blamed = 0;
      for (let trial = 0; trial < trials; trial++) {
        const [first, second] = [side(pilot, 1), side(pilot, 1)];
        const weights = weightsAfter(known, [first, second]);
        const runs =
          pooled(first).count === 0 ? null : runsNeeded(first, { between: known, weights, level, factor: 2 });
        asked.push(runs ?? Number.POSITIVE_INFINITY);
        if (runs === null) {
          unanswered++;
          continue;
        }
        const [a, b] = [side(runs, 1), side(runs, 2)];
        if (told(a, b) && pooled(b).count > pooled(a).count) seen++;
        if (told(side(runs, 1), side(runs, 1))) blamed++;
      }
      const middle = median(asked);
      return {
        rate,
        spread,
        pilot,
        asked: middle === null || !Number.isFinite(middle) ? null : middle,
        trials,
        seen,
        unanswered,
        blamed,
      };
    }),
  );
}
