import { Rng } from '../model/rng.ts';
import { median } from './statistics.ts';

/** A level that changed between two values of a series. */
export interface ChangePoint {
  /** The first value of the new level: an index into the series. */
  readonly at: number;
  /** In the part of the series in which it was found; not corrected for other series. */
  readonly p_value: number;
  /** Medians of the values from the change before it and to the change after it. */
  readonly before: number;
  readonly after: number;
}

/** As many orders are tried at most: the smallest p is one in so many and one. */
const ORDERS = 9_999;
/** So many values are a level; fewer may be outliers. */
const LEAST = 3;

/**
 * Where the level of a series changed: E-divisive (D. S. Matteson and N. A. James, JASA 109, 2014), which MongoDB and
 * Apache Cassandra use for their nightly benchmarks. It looks for the two neighbouring stretches with the values
 * that are farthest apart, measured by their pairwise distances (so that it sees a rise that was fixed again, too), and
 * compares that with random orders of the same values. Here the values are their ranks: one outlier counts no more
 * than it should, and no distribution is supposed. Both sides of a change are searched again.
 *
 * `level`: the p value below which a place is a change. The draws are the same each time. No
 * package on npm has it.
 */
export function changePoints(values: readonly number[], level: number): ChangePoint[] {
  const found = search(values, 0, values.length, level).sort((a, b) => a.at - b.at);
  return found.map(({ at, p_value }, i) => ({
    at,
    p_value,
    before: median(values.slice(found[i - 1]?.at ?? 0, at)) ?? 0,
    after: median(values.slice(at, found[i + 1]?.at ?? values.length)) ?? 0,
  }));
}

/** The smallest p that so many values can give: two orders, one level first or the other, among all. */
export function leastP(values: number): number {
  if (values < 2 * LEAST) return 1;
  let orders = 1;
  const half = Math.floor(values / 2);
  for (let i = 1; i <= half; i++) orders *= (values - half + i) / i;
  return Math.max(2 / orders, 1 / (ORDERS + 1));
}

type Found = Pick<ChangePoint, 'at' | 'p_value'>;

function search(values: readonly number[], from: number, to: number, level: number): Found[] {
  const found = leastP(to - from) < level ? strongestChange(values.slice(from, to), level) : null;
  if (found === null) return [];
  const at = from + found.at;
  return [{ ...found, at }, ...search(values, from, at, level), ...search(values, at, to, level)];
}

function strongestChange(values: readonly number[], level: number): Found | null {
  const ranks = ranksOf(values);
  const { at, distance } = farthestStretches(ranks);
  const rng = new Rng(1, 'change-points', values.length);
  // When so many are as far, the p value is no longer below the level: most series end here soon.
  const most = level * (ORDERS + 1) - 1;
  let asFar = 0;
  for (let order = 0; order < ORDERS && asFar < most; order++) {
    shuffle(ranks, rng);
    // Rounding must not make the order itself another one.
    if (farthestStretches(ranks).distance >= distance * (1 - 1e-12)) asFar++;
  }
  const p_value = (asFar + 1) / (ORDERS + 1);
  return asFar < most && distance > 0 ? { at, p_value } : null;
}

/** The place between two stretches of which the energy distance is largest, and that distance. */
export function farthestStretches(values: readonly number[]): { readonly at: number; readonly distance: number } {
  const n = values.length;
  const sums = distanceSums(values);
  // Of all pairs of a value from `a` to `b` and one from `c` to `d`.
  const between = (a: number, b: number, c: number, d: number) =>
    (sums[b * (n + 1) + d] ?? 0) -
    (sums[a * (n + 1) + d] ?? 0) -
    (sums[b * (n + 1) + c] ?? 0) +
    (sums[a * (n + 1) + c] ?? 0);
  let [at, distance] = [0, 0];
  for (let end = 2 * LEAST; end <= n; end++) {
    for (let middle = LEAST; middle <= end - LEAST; middle++) {
      const [before, after] = [middle, end - middle];
      const apart = (2 * between(0, middle, middle, end)) / (before * after);
      const withinBefore = between(0, middle, 0, middle) / (before * (before - 1));
      const withinAfter = between(middle, end, middle, end) / (after * (after - 1));
      const energy = ((before * after) / end) * (apart - withinBefore - withinAfter);
      if (energy > distance) [at, distance] = [middle, energy];
    }
  }
  return { at, distance };
}

/** Row r, column c: the sum of the distances between the first r and the first c values. */
function distanceSums(values: readonly number[]): Float64Array {
  const n = values.length;
  const sums = new Float64Array((n + 1) * (n + 1));
  for (let r = 1; r <= n; r++) {
    let row = 0;
    for (let c = 1; c <= n; c++) {
      row += Math.abs((values[r - 1] ?? 0) - (values[c - 1] ?? 0));
      sums[r * (n + 1) + c] = (sums[(r - 1) * (n + 1) + c] ?? 0) + row;
    }
  }
  return sums;
}

/** From 1; equal values share the mean of theirs. */
function ranksOf(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const same = values.filter((other) => other === value).length;
    return below + (same + 1) / 2;
  });
}

function shuffle(values: number[], rng: Rng): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = Math.floor(rng.next() * (i + 1));
    const kept = values[i] ?? 0;
    values[i] = values[j] ?? 0;
    values[j] = kept;
  }
}
