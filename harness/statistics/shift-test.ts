import { Rng } from '../model/rng.ts';
import { studentQuantile, studentTails } from './special-functions.ts';

/**
 * Has a quantile, a rate or a cost shifted between two builds? One value a run: requests of one run share its machine,
 * its seed and its bad seconds, so it is the runs that are independent, not the requests. Values are compared by their
 * logarithms, because a shift is a factor.
 *
 * With three runs a side the scatter of the runs is itself badly known. It is pooled over both sides and moderated by
 * how far runs of one build lay apart in earlier recordings (Smyth, Stat. Appl. Genet. Mol. Biol. 3, 2004: the prior is
 * worth so many degrees of freedom). The interval is a bootstrap over runs of the studentised shift; the p-value is
 * t's.
 */

/** What was known before: the standard deviation of the logarithms, worth so many degrees of freedom. */
export interface Scatter {
  readonly deviation: number;
  readonly freedom: number;
}

export interface ShiftTest {
  /** Geometric mean of B over that of A. */
  readonly ratio: number;
  /** 95 %, by bootstrap over the runs. */
  readonly interval: readonly [number, number];
  readonly p_value: number;
  /** The smallest factor above 1 that differs from 1 at a level. */
  smallestSeen(level: number): number;
}

/** Fewer runs a side say nothing about how far runs lie apart. */
export const RUNS_FOR_SHIFT = 3;

const RESAMPLES = 2_000;

/**
 * Null with fewer than `RUNS_FOR_SHIFT` runs on a side. `floor` is added to each value: what is below it is nothing.
 */
export function compareShift(
  a: readonly number[],
  b: readonly number[],
  options: { readonly before: Scatter; readonly floor: number; readonly seed: string },
): ShiftTest | null {
  if (Math.min(a.length, b.length) < RUNS_FOR_SHIFT) return null;
  const logs = [a, b].map((values) => values.map((value) => Math.log(value + options.floor)));
  const [inA = [], inB = []] = logs;
  const shift = mean(inB) - mean(inA);
  const freedom = inA.length + inB.length - 2 + options.before.freedom;
  const error = errorOf(inA, inB, options.before);
  const t = Math.abs(shift) / error;
  const half = bootstrapQuantile(inA, inB, options.before, options.seed) * error;
  return {
    ratio: Math.exp(shift),
    interval: [Math.exp(shift - half), Math.exp(shift + half)],
    p_value: studentTails(t, freedom),
    smallestSeen: (level) => Math.exp(studentQuantile(level, freedom) * error),
  };
}

/** Of the difference of the two means, with the moderated scatter. */
function errorOf(a: readonly number[], b: readonly number[], { deviation, freedom }: Scatter): number {
  const own = a.length + b.length - 2;
  const squares = sumOfSquares(a) + sumOfSquares(b);
  const variance = (squares + freedom * deviation ** 2) / (own + freedom);
  return Math.sqrt(variance * (1 / a.length + 1 / b.length));
}

/**
 * The 95 % point of |t| when runs are resampled. Drawn are the runs' distances from the mean of their side, from both
 * sides together, because three of one side make too few different samples; stretched to the moderated scatter, because
 * three runs that happen to agree are no proof that runs agree.
 */
function bootstrapQuantile(a: readonly number[], b: readonly number[], before: Scatter, seed: string): number {
  const own = a.length + b.length - 2;
  const scatter = Math.sqrt((sumOfSquares(a) + sumOfSquares(b)) / own);
  if (scatter === 0) return studentQuantile(0.05, own + before.freedom);
  const stretch = errorOf(a, b, before) / Math.sqrt(1 / a.length + 1 / b.length) / scatter;
  // Distances from a mean of the same few values are too short by this.
  const lost = Math.sqrt((own + 2) / own);
  const distances = [a, b].flatMap((side) => side.map((value) => (value - mean(side)) * stretch * lost));
  const rng = new Rng(own, 'bootstrap', seed);
  const draw = (amount: number) =>
    Array.from({ length: amount }, () => distances[Math.floor(rng.next() * distances.length)] ?? 0);
  const drawn = Array.from({ length: RESAMPLES }, () => {
    const [one, other] = [draw(a.length), draw(b.length)];
    return Math.abs(mean(other) - mean(one)) / errorOf(one, other, before);
  }).sort((x, y) => x - y);
  return drawn[Math.ceil(0.95 * RESAMPLES) - 1] ?? 0;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function sumOfSquares(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
}
