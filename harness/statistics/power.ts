import { Rng } from '../model/rng.ts';
import { type Prior, pValueOf, SPREADS, type Weights, weightsAfter } from './count-test.ts';
import { type Counted, pooled } from './statistics.ts';

export interface PowerPlan {
  /** What was known of the spread before any run, and after the runs that there are. */
  readonly between: Prior;
  readonly weights: Weights;
  /** What one test of a comparison of so many runs a side may err: 5 % shared by all that are made. */
  readonly levelOf: (runs: number) => number;
  /** B's rate over A's. */
  readonly factor: number;
}

/** More runs a side are not practical. */
export const MOST_RUNS = 100;
/** What is asked for is 9 in 10; the simulation of so many comparisons may itself be lucky. */
const WANTED = 0.92;
const COMPARISONS = 200;

/**
 * How many runs a side it takes to see a rate `factor` times A's 9 times in 10: by playing comparisons with the very
 * test that will judge them. Neither A's rate nor the spread between runs is known from a few runs; each comparison
 * draws both from what these runs leave possible. Null: more than `MOST_RUNS`.
 */
export function runsNeeded(a: readonly Counted[], plan: PowerPlan): number | null {
  let below = 0;
  let above = 1;
  while (!isEnough(a, plan, above)) {
    if (above === MOST_RUNS) return null;
    below = above;
    above = Math.min(MOST_RUNS, above * 2);
  }
  while (above - below > 1) {
    const middle = Math.floor((above + below) / 2);
    if (isEnough(a, plan, middle)) above = middle;
    else below = middle;
  }
  return above;
}

/**
 * Whether the higher rate of B is seen in enough comparisons with so many runs a side. Ends when too many missed it.
 */
function isEnough(a: readonly Counted[], { between, weights, levelOf, factor }: PowerPlan, runs: number): boolean {
  const { count, exposure } = pooled(a);
  const rng = new Rng(runs, 'power', count);
  const each = exposure / a.length;
  const level = levelOf(runs);
  let missed = 0;
  for (let i = 0; i < COMPARISONS; i++) {
    const spread = drawSpread(weights, rng);
    // The uncertainty of A's rate, by the model's own variance.
    const doubt = Math.log1p(1 / count + spread / a.length);
    const rate = (count / exposure) * Math.exp(Math.sqrt(doubt) * normal(rng) - doubt / 2);
    const side = (mean: number) =>
      Array.from({ length: runs }, () => ({ count: drawCount(mean, spread, rng), exposure: each }));
    const [inA, inB] = [side(rate * each), side(factor * rate * each)];
    const more = pooled(inB).count > pooled(inA).count;
    if (!more || pValueOf(inA, inB, weightsAfter(between, [inA, inB])) >= level) missed++;
    if (missed > (1 - WANTED) * COMPARISONS) return false;
  }
  return true;
}

function drawSpread(weights: Weights, rng: Rng): number {
  let left = rng.next();
  for (const [index, spread] of SPREADS.entries()) {
    left -= weights[index] ?? 0;
    if (left < 0) return spread;
  }
  return SPREADS[0];
}

/** Box and Muller. */
function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.next())) * Math.cos(2 * Math.PI * rng.next());
}

/** A negative binomial count: down from 1, probability by probability, until the number drawn is used up. */
export function drawCount(mean: number, spread: number, rng: Rng): number {
  const size = 1 / spread;
  let left = rng.next();
  let logMass = spread === 0 ? -mean : -size * Math.log1p(mean * spread);
  for (let k = 0; k < 50 * (mean + 10); k++) {
    left -= Math.exp(logMass);
    if (left < 0) return k;
    logMass += spread === 0 ? Math.log(mean / (k + 1)) : Math.log(((k + size) / (k + 1)) * (mean / (mean + size)));
  }
  return Math.round(mean);
}
