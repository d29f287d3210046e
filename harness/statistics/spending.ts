import { normalTail } from './special-functions.ts';

/**
 * A comparison that is looked at while runs are still being made finds a difference more often where there is none
 * than one that is looked at once, unless its looks share what it may err. How much of the level has been spent when a
 * part of the runs is made is laid down beforehand (alpha spending: Lan and DeMets, Biometrika 70, 1983): that part of
 * it, which is the first of the powers of Kim and DeMets (Biometrika 74, 1987). The level of each look follows from the
 * joint distribution of what the looks see, a Brownian motion at the parts of the runs (Armitage, McPherson and Rowe,
 * JRSS A 132, 1969).
 * `test/check-statistics.py` checks it with scipy, `spending.test.ts` with published tables, and
 * `scripts/compare-honesty.ts` measures what it does to counts, which are no Brownian motion.
 */

/** Which look this is: after so many runs of each build, of the looks that were planned. */
export interface Look {
  readonly after: number;
  /** Ascending; the last is after all runs. */
  readonly planned: readonly number[];
}

const LOOKS = 5;
/** One run of each build is no look: however far two counts lie apart, runs of one build may (docs/comparing.md). */
const FIRST = 2;

/** After how many runs of each build a comparison of at most so many looks whether it may end. */
export function plannedLooks(most: number): number[] {
  const after = Array.from({ length: LOOKS }, (_, index) => Math.ceil((most * (index + 1)) / LOOKS));
  return [...new Set(after)].filter((runs) => runs >= Math.min(FIRST, most));
}

/** The p-value below which this look finds a difference, when all looks together may err with probability `level`. */
export function levelAtLook(level: number, look: Look | null): number {
  return isOnlyOne(look) ? level : interpolated(boundaryAt(look), level, 'level', 'nominal');
}

/** The smallest level of all looks together at which this look finds a difference: a p-value that allows for them. */
export function pOverLooks(p: number, look: Look | null): number {
  return isOnlyOne(look) ? p : Math.min(1, interpolated(boundaryAt(look), p, 'nominal', 'level'));
}

/** `levelAtLook` of each look of a comparison of at most so many runs of each build. */
export function levelsOfLooks(level: number, most: number): number[] {
  const parts = plannedLooks(most).map((runs) => runs / most);
  return nominalLevels(parts, (part) => level * part);
}

/** That of the last look. */
export function lastLevel(level: number, most: number): number {
  return levelsOfLooks(level, most).at(-1) ?? level;
}

function isOnlyOne(look: Look | null): look is null {
  return look === null || look.planned.length === 1;
}

/**
 * For each look, at these parts of the runs, the two-sided p-value below which it finds a difference: so that, if there
 * is none, this look or one before it does with probability `spent(part)`.
 */
export function nominalLevels(parts: readonly number[], spent: (part: number) => number): number[] {
  const levels: number[] = [];
  // Where the motion is at the last look if it has not crossed a boundary: points, each with its probability.
  let inside: readonly Point[] = [{ x: 0, mass: 1 }];
  let last = 0;
  for (const part of parts) {
    const deviation = Math.sqrt(part - last);
    const wanted = spent(part) - spent(last);
    const crossing = (bound: number) =>
      sumOf(inside, ({ x, mass }) => {
        return mass * (normalTail((bound - x) / deviation) + normalTail((bound + x) / deviation));
      });
    let [low, high] = [0, FARTHEST * Math.sqrt(part)];
    for (let round = 0; round < 50; round++) {
      const middle = (low + high) / 2;
      if (crossing(middle) > wanted) low = middle;
      else high = middle;
    }
    const bound = (low + high) / 2;
    levels.push(2 * normalTail(bound / Math.sqrt(part)));
    const before = inside;
    inside = NODES.map(([node, weight]) => {
      const x = node * bound;
      const density = sumOf(before, (from) => from.mass * Math.exp(-(((x - from.x) / deviation) ** 2) / 2));
      return { x, mass: (weight * bound * density) / (deviation * Math.sqrt(2 * Math.PI)) };
    });
    last = part;
  }
  return levels;
}

interface Point {
  readonly x: number;
  readonly mass: number;
}

/** So many standard deviations away no boundary lies. */
const FARTHEST = 12;

function sumOf(points: readonly Point[], of: (point: Point) => number): number {
  let sum = 0;
  for (const point of points) sum += of(point);
  return sum;
}

/** A look's levels, by the logarithm of what all looks together may err. */
interface Boundary {
  readonly level: readonly number[];
  readonly nominal: readonly number[];
}

const KNOWN = new Map<string, Boundary>();
/** Four to a power of ten: between them the two are as good as proportional. */
const LEVELS = Array.from({ length: 49 }, (_, index) => 10 ** (index / 4 - 12));

function boundaryAt({ after, planned }: Look): Boundary {
  const most = planned.at(-1) ?? after;
  const parts = planned.filter((runs) => runs <= after).map((runs) => runs / most);
  const key = parts.join();
  const known = KNOWN.get(key);
  if (known !== undefined) return known;
  const nominal = LEVELS.map((level) => nominalLevels(parts, (part) => level * part).at(-1) ?? level);
  const boundary = { level: LEVELS.map(Math.log), nominal: nominal.map(Math.log) };
  KNOWN.set(key, boundary);
  return boundary;
}

function interpolated(boundary: Boundary, value: number, from: keyof Boundary, to: keyof Boundary): number {
  if (value <= 0) return 0;
  const [xs, ys] = [boundary[from], boundary[to]];
  const at = Math.log(value);
  const above = xs.findIndex((x, index) => index > 0 && x >= at);
  const end = above === -1 ? xs.length - 1 : above;
  const [x0 = 0, x1 = 0, y0 = 0, y1 = 0] = [xs[end - 1], xs[end], ys[end - 1], ys[end]];
  return Math.exp(y0 + ((at - x0) * (y1 - y0)) / (x1 - x0));
}

/** Nodes and weights of Gauss and Legendre's integration from −1 to 1. */
const NODES = gaussLegendre(64);

function gaussLegendre(n: number): (readonly [node: number, weight: number])[] {
  return Array.from({ length: n }, (_, index) => {
    let x = Math.cos((Math.PI * (index + 0.75)) / (n + 0.5));
    let slope = 1;
    for (let round = 0; round < 10; round++) {
      let [value, before] = [1, 0];
      for (let k = 0; k < n; k++) [value, before] = [((2 * k + 1) * x * value - k * before) / (k + 1), value];
      slope = (n * (x * value - before)) / (x ** 2 - 1);
      x -= value / slope;
    }
    return [x, 2 / ((1 - x ** 2) * slope ** 2)] as const;
  });
}
