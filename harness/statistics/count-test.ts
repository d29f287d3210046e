import { logGamma } from './special-functions.ts';
import { type Counted, pooled } from './statistics.ts';

/**
 * Counts of two builds, each over several runs. Each run has a rate of its own, drawn around the build's (a Gamma
 * distribution: its counts are then negative binomial); how far runs lie apart is the spread, the variance of their
 * rates over the square of the mean. At spread 0 all runs of a build have one rate, and counts are Poisson's.
 *
 * Given the sum of all events and the spread, how many fall to A does not depend on the common rate where all runs last
 * equally long, so that test is exact, also for a handful of events (Robinson and Smyth, Biostatistics 9, 2008; at
 * spread 0 the binomial test). Where exposures differ the common rate stands in as estimated. The spread is not known
 * and two or three runs say little of it. So it is not estimated by a number: the test's tails are averaged over all
 * spreads, each weighted by how likely the runs of both sides make it, beginning from how far runs of one build lay
 * apart in earlier recordings (`between-runs.ts`). Few runs leave large spreads in play, and a difference must be
 * larger. `test/check-statistics.py` holds it against scipy, `scripts/compare-honesty.ts` measures how often it errs.
 */

/** The spreads over which tests are averaged: rates that vary by 0, 4, 6, 9, 13, … 101, 143 and 202 % between runs. */
export const SPREADS = [0, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096] as const;

/** A probability for each of `SPREADS`. */
export type Weights = readonly number[];

/**
 * What is known of the spread before any run. What happens once in a while comes in bursts (one slow second, five
 * violations), so that one run has them and the next has none; what every run has many of varies far less.
 */
export interface Prior {
  readonly rare: Weights;
  readonly frequent: Weights;
}

/** From so many events a run on, on average over all runs of both sides, a count is frequent. */
export const FREQUENT = 5;

export function priorFor(prior: Prior, sides: readonly (readonly Counted[])[]): Weights {
  const runs = sides.flat();
  return pooled(runs).count >= FREQUENT * runs.length ? prior.frequent : prior.rare;
}

export interface RateTest {
  readonly p_value: number;
  /** Rate of B over rate of A; null if A has no events. */
  readonly ratio: number | null;
  /** 95 %; null above: without limit. */
  readonly interval: readonly [number, number | null] | null;
}

type Pair = readonly [Counted & { readonly runs: number }, Counted & { readonly runs: number }];

/** Two-sided, as twice the smaller tail: p < 0.05 exactly where the 95 % interval leaves out 1. */
export function compareCounts(a: readonly Counted[], b: readonly Counted[], weights: Weights): RateTest {
  const pair = [total(a), total(b)] as const;
  const [{ count: inA, exposure: overA }, { count: inB, exposure: overB }] = pair;
  if (inA + inB === 0) return { p_value: 1, ratio: null, interval: null };
  const ratio = inA === 0 ? null : inB / overB / (inA / overA);
  return { p_value: twoSided(pair, weights), ratio, interval: ratioInterval(pair, weights) };
}

/** The p-value alone: planning needs thousands of them, and no interval. */
export function pValueOf(a: readonly Counted[], b: readonly Counted[], weights: Weights): number {
  return twoSided([total(a), total(b)], weights);
}

/** Larger factors are not searched. */
const LARGEST_FACTOR = 100;

/** The smallest count of B, above the rate of A, that differs from A's at this level; null: none. */
export function smallestCountSeen(
  a: readonly Counted[],
  b: readonly Counted[],
  weights: Weights,
  level: number,
): number | null {
  const [sideA, sideB] = [total(a), total(b)];
  const seen = (count: number) => twoSided([sideA, { ...sideB, count }], weights) < level;
  const expected = (Math.max(sideA.count, 1) / sideA.exposure) * sideB.exposure;
  let below = Math.floor((sideA.count / sideA.exposure) * sideB.exposure);
  let above = below + 1;
  while (!seen(above)) {
    if (above > Math.max(LARGEST_FACTOR * expected, 100)) return null;
    below = above;
    above = Math.ceil(above * 1.5);
  }
  while (above - below > 1) {
    const middle = Math.floor((above + below) / 2);
    if (seen(middle)) above = middle;
    else below = middle;
  }
  return above;
}

/**
 * 95 % limits of the rate of one build, of the same model: two-sided, or, where nothing was counted, how high the rate
 * is at most.
 */
export function rateInterval(runs: readonly Counted[], weights: Weights): readonly [number, number] {
  const { count, exposure } = pooled(runs);
  const tail = (way: 'few' | 'many') => (rate: number) =>
    weighted(weights, (spread) => tailOf(way, count, rate * exposure, runs.length / spread));
  const [few, many] = [tail('few'), tail('many')];
  const seen = Math.max(count, 0.5) / exposure;
  const beyond = count === 0 ? 0.05 : 0.025;
  const high = edge(Math.log(seen), Math.log(seen) + REACH, (x) => few(Math.exp(x)) > beyond);
  const low = edge(Math.log(seen), Math.log(seen) - REACH, (x) => many(Math.exp(x)) > 0.025);
  return [count === 0 ? 0 : Math.exp(low), Math.exp(high)];
}

/** The probability of so many events or fewer, or of so many or more: added up on the side that is small. */
function tailOf(way: 'few' | 'many', count: number, mean: number, size: number): number {
  const first = Math.exp(logMass(count, mean, size));
  // P(k) over P(k − 1).
  const step = (k: number) => (Number.isFinite(size) ? ((k - 1 + size) / k) * (mean / (mean + size)) : mean / k);
  const small = count < mean ? 'few' : 'many';
  let sum = first;
  let mass = first;
  if (small === 'few') {
    for (let k = count; k > 0 && mass > sum * 1e-17; k--) sum += mass /= step(k);
  } else {
    for (let k = count + 1; mass > sum * 1e-17; k++) sum += mass *= step(k);
  }
  return way === small ? sum : 1 - sum + first;
}

function weighted(weights: Weights, of: (spread: number) => number): number {
  return SPREADS.reduce<number>((sum, spread, index) => {
    const weight = weights[index] ?? 0;
    return weight < NOTHING ? sum : sum + weight * of(spread);
  }, 0);
}

/** A spread with less weight could not change the third digit of p = 0.00001. */
const NOTHING = 1e-9;

/** What the runs of each side say of the spread, and what was known before, together. */
export function weightsAfter(prior: Prior, sides: readonly (readonly Counted[])[]): number[] {
  const before = priorFor(prior, sides);
  const logs = SPREADS.map((spread, index) => {
    const known = before[index] ?? 0;
    if (known === 0) return Number.NEGATIVE_INFINITY;
    return Math.log(known) + sides.reduce((sum, runs) => sum + logLikelihood(runs, spread), 0);
  });
  const largest = Math.max(...logs);
  const raw = logs.map((log) => Math.exp(log - largest));
  const sum = raw.reduce((x, y) => x + y, 0);
  return raw.map((value) => value / sum);
}

/** How likely it is that the events of a side fall to its runs as they did, whatever its rate is. */
export function logLikelihood(runs: readonly Counted[], spread: number): number {
  const { count, exposure } = pooled(runs);
  if (count === 0 || runs.length < 2) return 0;
  const each = runs.reduce((sum, run) => {
    return (
      sum +
      (run.count === 0 && run.exposure === 0 ? 0 : logMass(run.count, (count * run.exposure) / exposure, 1 / spread))
    );
  }, 0);
  return each - logMass(count, count, runs.length / spread);
}

/** The negative binomial's, by its mean and its size; Poisson's at an infinite size. */
function logMass(count: number, mean: number, size: number): number {
  if (mean === 0) return count === 0 ? 0 : Number.NEGATIVE_INFINITY;
  if (!Number.isFinite(size)) return count * Math.log(mean) - mean - logGamma(count + 1);
  return (
    logGamma(count + size) -
    logGamma(size) -
    logGamma(count + 1) -
    size * Math.log1p(mean / size) -
    count * Math.log1p(size / mean)
  );
}

function total(runs: readonly Counted[]): Counted & { readonly runs: number } {
  return { ...pooled(runs), runs: runs.length };
}

function twoSided(pair: Pair, weights: Weights): number {
  const { few, many } = tails(pair, weights);
  return Math.min(1, 2 * Math.min(few, many));
}

/** How probable it is that A has so few of the events, and so many, if both rates are the same. */
function tails(pair: Pair, weights: Weights): { readonly few: number; readonly many: number } {
  let few = 0;
  let many = 0;
  for (const [index, spread] of SPREADS.entries()) {
    const weight = weights[index] ?? 0;
    if (weight < NOTHING) continue;
    const one = tailsAt(pair, spread);
    few += weight * one.few;
    many += weight * one.many;
  }
  return { few, many };
}

/**
 * Sums the conditional probabilities from where most of them lie outwards, each from its neighbour by their ratio: no
 * difference of large numbers, so a small tail keeps its digits.
 */
function tailsAt([a, b]: Pair, spread: number): { readonly few: number; readonly many: number } {
  const sum = a.count + b.count;
  const odds = oddsOf(a, b, spread);
  const [sizeA, sizeB] = [a.runs / spread, b.runs / spread];
  // P(k + 1) over P(k), for k events of A.
  const step = (k: number): number =>
    spread === 0 ? ((sum - k) / (k + 1)) * odds : (((k + sizeA) / (k + 1)) * (sum - k) * odds) / (sum - k - 1 + sizeB);
  const middle = Math.min(sum, Math.max(0, Math.round((sum * a.exposure) / (a.exposure + b.exposure))));
  let few = 0;
  let many = 0;
  let all = 0;
  const add = (k: number, mass: number) => {
    all += mass;
    if (k <= a.count) few += mass;
    if (k >= a.count) many += mass;
  };
  add(middle, 1);
  let mass = 1;
  for (let k = middle; k < sum && mass > TINY; k++) {
    mass *= step(k);
    add(k + 1, mass);
  }
  mass = 1;
  for (let k = middle; k > 0 && mass > TINY; k--) {
    mass /= step(k - 1);
    add(k - 1, mass);
  }
  return { few: few / all, many: many / all };
}

/** Against the middle's 1; further out nothing can be added any more. */
const TINY = 1e-300;

/** How the odds of one event lean to A by the exposures. Equal exposures a run cancel out, whatever the rate. */
function oddsOf(a: Pair[0], b: Pair[1], spread: number): number {
  if (spread === 0) return a.exposure / b.exposure;
  const rate = commonRate(a, b, spread);
  const lean = ({ exposure, runs }: Pair[0]) => (rate * exposure) / (rate * exposure + runs / spread);
  return lean(a) / lean(b);
}

/** The most likely rate if both sides have the same: each side weighs by how sure its own is. */
function commonRate(a: Pair[0], b: Pair[1], spread: number): number {
  let rate = (a.count + b.count) / (a.exposure + b.exposure);
  for (let round = 0; round < 30; round++) {
    const weight = ({ exposure, runs }: Pair[0]) => 1 / (1 + (spread * rate * exposure) / runs);
    const [wa, wb] = [weight(a), weight(b)];
    const next = (wa * a.count + wb * b.count) / (wa * a.exposure + wb * b.exposure);
    if (Math.abs(next - rate) <= 1e-12 * rate) return next;
    rate = next;
  }
  return rate;
}

/** All ratios of the rates that the test does not reject for these counts: bisected, as B's exposure is stretched. */
function ratioInterval([a, b]: Pair, weights: Weights): readonly [number, number | null] {
  const at = (logRatio: number) => tails([a, { ...b, exposure: b.exposure * Math.exp(logRatio) }], weights);
  const centre = Math.log(Math.max(b.count, 0.5) / b.exposure / (Math.max(a.count, 0.5) / a.exposure));
  // The higher B's true rate, the fewer of the events are A's: too many of them rule a high ratio out.
  const low = b.count === 0 ? centre - REACH : edge(centre, centre - REACH, (x) => at(x).few > 0.025);
  const high = a.count === 0 ? centre + REACH : edge(centre, centre + REACH, (x) => at(x).many > 0.025);
  return [low <= centre - REACH ? 0 : Math.exp(low), high >= centre + REACH ? null : Math.exp(high)];
}

/** The last point on the way that is still inside, by bisection; the end of the way if that is. */
function edge(from: number, to: number, inside: (x: number) => boolean): number {
  if (inside(to)) return to;
  let [within, beyond] = [from, to];
  for (let round = 0; round < 28; round++) {
    const middle = (within + beyond) / 2;
    if (inside(middle)) within = middle;
    else beyond = middle;
  }
  return within;
}

/** A ratio further than e to this from the one seen is no limit. */
const REACH = 12;
