import betaQuantile from '@stdlib/stats-base-dists-beta-quantile';
import binomialCdf from '@stdlib/stats-base-dists-binomial-cdf';

/** Events and what they came out of: seconds of load, or operations of a kind. */
export interface Counted {
  readonly count: number;
  readonly exposure: number;
}

export interface RateTest {
  readonly p_value: number;
  /** Rate of B over rate of A; null if A has no events. */
  readonly ratio: number | null;
  readonly interval: readonly [number, number | null] | null;
}

/**
 * Are two Poisson rates the same? Given their sum, A's share of the events is binomial with the share of the exposures,
 * whatever the common rate is; so the test is exact, also for a handful of events. Two-sided as twice the smaller tail
 * rather than by minimum likelihood, because then the Clopper-Pearson interval says the same thing: p < 0.05 exactly
 * where the 95 % interval leaves out 1. `bench/check-statistics.py` holds both against scipy.
 */
export function compareRates(a: Counted, b: Counted): RateTest {
  const total = a.count + b.count;
  if (total === 0) return { p_value: 1, ratio: null, interval: null };
  const share = a.exposure / (a.exposure + b.exposure);
  const lower = binomialCdf(a.count, total, share);
  // The upper tail from B's side: 1 − cdf would lose every digit of a small one.
  const upper = binomialCdf(b.count, total, 1 - share);
  return {
    p_value: Math.min(1, 2 * Math.min(lower, upper)),
    ratio: a.count === 0 ? null : b.count / b.exposure / (a.count / a.exposure),
    interval: ratioInterval(a, b),
  };
}

/** Clopper-Pearson for B's share of the events, turned into a ratio of rates. */
function ratioInterval(a: Counted, b: Counted): readonly [number, number | null] {
  const low = b.count === 0 ? 0 : betaQuantile(0.025, b.count, a.count + 1);
  const high = a.count === 0 ? 1 : betaQuantile(0.975, b.count + 1, a.count);
  const ratioOf = (share: number) => (share / (1 - share)) * (a.exposure / b.exposure);
  return [ratioOf(low), a.count === 0 ? null : ratioOf(high)];
}

/** Holm's step-down correction: among many counts some differ by chance. In the order given. */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((p, index) => ({ p, index })).sort((x, y) => x.p - y.p);
  const adjusted = pValues.slice();
  let least = 0;
  for (const [rank, { p, index }] of order.entries()) {
    least = Math.max(least, Math.min(1, p * (pValues.length - rank)));
    adjusted[index] = least;
  }
  return adjusted;
}

/**
 * How much more the runs of a side vary than Poisson counts do: Pearson's χ² over its degrees of freedom, pooled over
 * the sides, never below 1. Events come in bursts (one slow second, several deadlocks), and a test that takes each for
 * independent finds differences between two runs of the same build. One run a side shows nothing: 1.
 */
export function dispersion(sides: readonly (readonly Counted[])[]): number {
  let chiSquared = 0;
  let freedom = 0;
  for (const runs of sides) {
    const { count, exposure } = pooled(runs);
    if (count === 0) continue;
    for (const run of runs) {
      const expected = (count * run.exposure) / exposure;
      chiSquared += (run.count - expected) ** 2 / expected;
    }
    freedom += runs.length - 1;
  }
  return freedom === 0 ? 1 : Math.max(1, chiSquared / freedom);
}

/** Rao and Scott: divided by the dispersion, the counts carry as much as that many independent events. */
export function thinnedBy(factor: number, { count, exposure }: Counted): Counted {
  return { count: Math.round(count / factor), exposure };
}

export function pooled(runs: readonly Counted[]): Counted {
  let count = 0;
  let exposure = 0;
  for (const run of runs) {
    count += run.count;
    exposure += run.exposure;
  }
  return { count, exposure };
}

/** The smallest count of B, above the rate of A, that the test would have told from A's at this level. */
export function smallestCountSeen(a: Counted, exposureOfB: number, level: number): number {
  const seen = (count: number) => compareRates(a, { count, exposure: exposureOfB }).p_value < level;
  let below = Math.floor((a.count / a.exposure) * exposureOfB);
  let above = below + 1;
  while (!seen(above)) {
    below = above;
    above *= 2;
  }
  while (above - below > 1) {
    const middle = Math.floor((above + below) / 2);
    if (seen(middle)) above = middle;
    else below = middle;
  }
  return above;
}

/** The 97.5 % point of the normal distribution. */
const Z = 1.959963984540054;

/**
 * Wilson's score interval, 95 %, for the probability behind `count` of `total` (E. B. Wilson, JASA 22, 1927): unlike the
 * textbook's p ± z·s it stays within 0 and 1 and says something also when all or none were found.
 */
export function wilson(count: number, total: number): readonly [number, number] | null {
  if (total === 0) return null;
  const share = count / total;
  const middle = share + Z ** 2 / (2 * total);
  const half = Z * Math.sqrt((share * (1 - share)) / total + Z ** 2 / (4 * total ** 2));
  const scale = 1 + Z ** 2 / total;
  // None found is compatible with never, all with always; rounding must not say otherwise.
  return [count === 0 ? 0 : (middle - half) / scale, count === total ? 1 : (middle + half) / scale];
}

/** Of two in the middle their mean; null of none. */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? null : (lower + upper) / 2;
}
