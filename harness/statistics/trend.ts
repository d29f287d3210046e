import { median } from './statistics.ts';

/** A value and when it was read, in hours. */
export interface Reading {
  readonly hours: number;
  readonly value: number;
}

export interface Trend {
  readonly readings: number;
  /** Theil and Sen: the median of the slopes between any two readings of one series; null without two. */
  readonly per_hour: number | null;
  /** Mann and Kendall, two-sided; 1 where there is nothing to compare. */
  readonly p_value: number;
  /** The smallest p that so many readings could have given. */
  readonly least_p: number;
}

/** The exact distribution grows with the square of a series' length; longer ones are read as means of neighbours. */
const LONGEST = 120;

/**
 * Does a number rise or fall over time? Mann and Kendall's test asks of any two readings only which is larger, so that
 * one outlier, or a step, counts no more than it should, and no distribution is supposed. Series that must not be
 * compared with each other (before and after a restart) count each for themselves, and their statistics are added. The
 * distribution is the exact one of values without ties; with ties it errs on the side of "no trend".
 * `test/check-statistics.py` holds both against scipy. No package on npm has them.
 */
export function trendOf(given: readonly (readonly Reading[])[]): Trend {
  const series = given.map(shortened).filter((one) => one.length > 1);
  const slopes: number[] = [];
  let statistic = 0;
  for (const one of series) {
    for (const [i, a] of one.entries()) {
      for (const b of one.slice(i + 1)) {
        statistic += Math.sign(b.value - a.value);
        if (b.hours !== a.hours) slopes.push((b.value - a.value) / (b.hours - a.hours));
      }
    }
  }
  const sizes = series.map((one) => one.length);
  const pairs = sizes.reduce((sum, n) => sum + (n * (n - 1)) / 2, 0);
  const shares = inversionShares(sizes);
  return {
    readings: given.reduce((sum, one) => sum + one.length, 0),
    per_hour: median(slopes),
    p_value: twoSided(shares, pairs, statistic),
    least_p: twoSided(shares, pairs, pairs),
  };
}

/** How probable each number of inversions is when every order of each series is as likely: by the number. */
function inversionShares(sizes: readonly number[]): number[] {
  let shares = [1];
  for (const size of sizes) {
    // The k-th reading stands before 0 … k−1 of those before it, each as likely.
    for (let k = 2; k <= size; k++) {
      const next: number[] = [];
      let sum = 0;
      for (let i = 0; i < shares.length + k - 1; i++) {
        sum += (shares[i] ?? 0) - (i >= k ? (shares[i - k] ?? 0) : 0);
        next.push(Math.max(0, sum) / k);
      }
      shares = next;
    }
  }
  return shares;
}

/** S = pairs − 2 × inversions; its distribution is symmetric. */
function twoSided(shares: readonly number[], pairs: number, statistic: number): number {
  const most = Math.floor((pairs - Math.abs(statistic)) / 2);
  let tail = 0;
  for (let inversions = 0; inversions <= most; inversions++) tail += shares[inversions] ?? 0;
  return Math.min(1, 2 * tail);
}

function shortened(series: readonly Reading[]): readonly Reading[] {
  if (series.length <= LONGEST) return series;
  const halved: Reading[] = [];
  for (let i = 0; i < series.length; i += 2) {
    const pair = series.slice(i, i + 2);
    const mean = (of: (reading: Reading) => number) => pair.reduce((sum, one) => sum + of(one), 0) / pair.length;
    halved.push({ hours: mean(({ hours }) => hours), value: mean(({ value }) => value) });
  }
  return shortened(halved);
}
