import { LEVEL } from '../../harness/compare/counts.ts';
import { Rng } from '../../harness/model/rng.ts';
import type { BetweenRuns } from '../../harness/statistics/between-runs.ts';
import { type Prior, pValueOf, weightsAfter } from '../../harness/statistics/count-test.ts';
import { MOST_RUNS, runsNeeded } from '../../harness/statistics/power.ts';
import { levelsOfLooks, plannedLooks } from '../../harness/statistics/spending.ts';
import { type Counted, pooled } from '../../harness/statistics/statistics.ts';
import { draws } from './stopping.ts';

export interface PowerTrials {
  readonly rate: number;
  readonly spread: number;
  readonly pilot: number;
  readonly trials: number;
  /** A doubled rate was seen in so many with all runs that were asked for, and with looks on the way. */
  readonly fixed: number;
  readonly looking: number;
  /** With no difference, one was seen all the same. */
  readonly fixedFalse: number;
  readonly lookingFalse: number;
  /** More than 100 runs were asked for: nothing was compared, nor counted as seen. */
  readonly unanswered: number;
  /** Runs a side, of all trials: what was asked for, and what the looks left of it. */
  readonly asked: number;
  readonly made: number;
}

/**
 * Deadlocks a run and spreads as recorded: 3.2.1 under `seeds` on an idle machine, and the reference stack on a busy
 * one.
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
 * A pilot of a few runs; as many more as the tool then asks for to see a doubled rate, evaluated again when they are
 * in, because they show more of how far runs lie apart. The number depends on A alone, so that makes no difference
 * likelier (an internal pilot: Wittes and Brittain 1990). Of the same runs one comparison is decided when all are made,
 * `--runs`, and one may stop, `--at-most`.
 */
export function powerTrials(between: BetweenRuns, trials: number, seed: number): PowerTrials[] {
  return SETTINGS.flatMap((setting) =>
    PILOTS.map((pilot) => trialsOf(between.counts.wrongs, { ...setting, pilot, trials }, seed)),
  );
}

type Setting = Pick<PowerTrials, 'rate' | 'spread' | 'pilot' | 'trials'>;

function trialsOf(known: Prior, setting: Setting, seed: number): PowerTrials {
  const { rate, spread, pilot, trials } = setting;
  const rng = new Rng(seed, 'power-trials', rate, spread, pilot);
  const sums = { fixed: 0, looking: 0, fixedFalse: 0, lookingFalse: 0, unanswered: 0, asked: 0, made: 0 };
  for (let trial = 0; trial < trials; trial++) {
    const [a, b, same] = [rate, 2 * rate, rate].map((mean) => draws(MOST_RUNS, mean, spread, rng));
    if (a === undefined || b === undefined || same === undefined) break;
    const asked = askedFor(known, a, b, pilot);
    sums.asked += asked ?? MOST_RUNS;
    sums.made += asked ?? MOST_RUNS;
    if (asked === null) {
      sums.unanswered++;
      continue;
    }
    const [right, wrong] = [foundIn(known, a, b, asked), foundIn(known, a, same, asked)];
    if (right.atLast && pooled(b.slice(0, asked)).count > pooled(a.slice(0, asked)).count) sums.fixed++;
    if (wrong.atLast) sums.fixedFalse++;
    if (wrong.after !== null) sums.lookingFalse++;
    if (right.after !== null && pooled(b.slice(0, right.after)).count > pooled(a.slice(0, right.after)).count) {
      sums.looking++;
      sums.made -= asked - right.after;
    }
  }
  return { ...setting, ...sums };
}

/** The runs a side of the pilot, or as many as are asked for in the end; null: more than are practical. */
function askedFor(known: Prior, a: readonly Counted[], b: readonly Counted[], pilot: number): number | null {
  let runs = pilot;
  for (;;) {
    const [inA, inB] = [a.slice(0, runs), b.slice(0, runs)];
    const plan = { between: known, weights: weightsAfter(known, [inA, inB]), levelOf: lastOf, factor: 2 };
    const wanted = pooled(inA).count === 0 ? null : runsNeeded(inA, plan);
    if (wanted === null || wanted <= runs) return wanted === null ? null : runs;
    runs = wanted;
  }
}

/** Whether all of these runs show a difference, and after how many a look did. */
function foundIn(known: Prior, a: readonly Counted[], b: readonly Counted[], most: number) {
  const p = (after: number) => {
    const sides = [a.slice(0, after), b.slice(0, after)] as const;
    return pValueOf(...sides, weightsAfter(known, sides));
  };
  const levels = levelsOf(most);
  const after = plannedLooks(most).find((runs, index) => p(runs) < (levels[index] ?? 0)) ?? null;
  return { atLast: p(most) < LEVEL / 2 / TESTS, after };
}

const LEVELS = new Map<number, readonly number[]>();

function levelsOf(most: number): readonly number[] {
  const levels = LEVELS.get(most) ?? levelsOfLooks(LEVEL / 2 / TESTS, most);
  LEVELS.set(most, levels);
  return levels;
}

function lastOf(most: number): number {
  return levelsOf(most).at(-1) ?? 0;
}
