/** Events and what they came out of: seconds of load, or operations of a kind. */
export interface Counted {
  readonly count: number;
  readonly exposure: number;
}

/** Holm's step-down correction: among many counts some differ at random. In the order given. */
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

export function pooled(runs: readonly Counted[]): Counted {
  let count = 0;
  let exposure = 0;
  for (const run of runs) {
    count += run.count;
    exposure += run.exposure;
  }
  return { count, exposure };
}

/** The 97.5 % point of the normal distribution. */
const Z = 1.959963984540054;

/**
 * Wilson's score interval, 95 %, for the probability behind `count` of `total` (E. B. Wilson, JASA 22, 1927): unlike
 * the textbook's p ± z·s it stays within 0 and 1 and says something also when all or none were found.
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
