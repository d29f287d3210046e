import type { BetweenRuns } from '../../harness/compare/between-runs.ts';
import { LEVEL } from '../../harness/compare/counts.ts';
import { Rng } from '../../harness/model/rng.ts';
import { type Prior, pValueOf, weightsAfter } from '../../harness/statistics/count-test.ts';
import { drawCount, runsNeeded } from '../../harness/statistics/power.ts';
import { type Counted, median, pooled } from '../../harness/statistics/statistics.ts';

export interface PowerTrial {
  readonly rate: number;
  readonly spread: number;
  readonly pilot: number;
  /** Medians over the trials: what the pilot asked for, and what was asked for in the end; null: more than 100. */
  readonly asked: number | null;
  readonly played: number | null;
  readonly trials: number;
  readonly seen: number;
  readonly unanswered: number;
  /** The same with no difference: how often one is seen all the same. */
  readonly blamed: number;
}

/**
 * Deadlocks a run and spreads as recorded: 3.2.1 under `seeds` on an idle machine, and the reference stack on a busy
 * machine.
 */
const SETTINGS = [
  { rate: 20, spread: 0.032 },
  { rate: 20, spread: 0.256 },
  { rate: 6, spread: 0.128 },
] as const;
const PILOTS = [2, 3] as const;
/** As a comparison has it: one of so many tests. */
const TESTS = 10;

/**
 * A pilot of a few runs; as many more as the tool then asks for to see a doubled rate, looked at again when they are
 * in, because they show more of how far runs lie apart; and, when it asks for no more than there are, the comparison
 * with a build with a doubled rate. The number asked for depends on A alone, so looking again makes no difference
 * likelier (an internal pilot: Wittes and Brittain 1990). Where it asks for more than 100 nothing is compared, nor
 * counted as seen.
 */
export function powerTrials(between: BetweenRuns, trials: number, seed: number): PowerTrial[] {
  return SETTINGS.flatMap((setting) =>
    PILOTS.map((pilot) => powerTrial(between.counts.wrongs, { ...setting, pilot, trials }, seed)),
  );
}

type Setting = Pick<PowerTrial, 'rate' | 'spread' | 'pilot' | 'trials'>;

function powerTrial(known: Prior, { rate, spread, pilot, trials }: Setting, seed: number): PowerTrial {
  const level = LEVEL / 2 / TESTS;
  const rng = new Rng(seed, 'power-trials', rate, spread, pilot);
  const draw = (runs: number, factor: number): Counted[] =>
    Array.from({ length: runs }, () => ({ count: drawCount(factor * rate, spread, rng), exposure: 60 }));
  const differ = (a: readonly Counted[], b: readonly Counted[]) => pValueOf(a, b, weightsAfter(known, [a, b])) < level;
  const asks = (a: readonly Counted[], b: readonly Counted[]) => {
    const plan = { between: known, weights: weightsAfter(known, [a, b]), level, factor: 2 };
    return (pooled(a).count === 0 ? null : runsNeeded(a, plan)) ?? Number.POSITIVE_INFINITY;
  };
  const asked: number[] = [];
  const played: number[] = [];
  let [seen, unanswered, blamed] = [0, 0, 0];
  for (let trial = 0; trial < trials; trial++) {
    const [a, b, same] = [draw(pilot, 1), draw(pilot, 2), draw(pilot, 1)];
    let wanted = asks(a, b);
    asked.push(wanted);
    while (Number.isFinite(wanted) && wanted > a.length) {
      const more = wanted - a.length;
      a.push(...draw(more, 1));
      b.push(...draw(more, 2));
      same.push(...draw(more, 1));
      wanted = asks(a, b);
    }
    played.push(Number.isFinite(wanted) ? a.length : Number.POSITIVE_INFINITY);
    if (!Number.isFinite(wanted)) unanswered++;
    else if (differ(a, b) && pooled(b).count > pooled(a).count) seen++;
    if (differ(a, same)) blamed++;
  }
  return {
    rate,
    spread,
    pilot,
    asked: finite(median(asked)),
    played: finite(median(played)),
    trials,
    seen,
    unanswered,
    blamed,
  };
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
