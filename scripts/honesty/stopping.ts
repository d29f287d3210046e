import { compareBuilds } from '../../harness/compare/compare.ts';
import { LEVEL } from '../../harness/compare/counts.ts';
import { playRounds } from '../../harness/compare/rounds.ts';
import { seriesOf } from '../../harness/compare/series.ts';
import { sideOf } from '../../harness/compare/sides.ts';
import type { Comparison } from '../../harness/model/comparison.ts';
import type { Rng } from '../../harness/model/rng.ts';
import type { Judgement } from '../../harness/model/verdict.ts';
import type { BetweenRuns } from '../../harness/statistics/between-runs.ts';
import { type Prior, pValueOf, SPREADS, weightsAfter } from '../../harness/statistics/count-test.ts';
import { drawCount } from '../../harness/statistics/power.ts';
import { plannedLooks, pOverLooks } from '../../harness/statistics/spending.ts';
import { type Counted, pooled } from '../../harness/statistics/statistics.ts';

/** Builds by their kept runs. What is known of the spread between runs comes from other builds. */
export interface KeptBuilds {
  readonly builds: readonly (readonly Judgement[])[];
  readonly between: BetweenRuns;
}

/**
 * Compares builds as `windtunnel compare` does, with its looks, but each run is not made: it is drawn, with
 * replacement, from those that were kept. They are all there is to their build, so two sides of one build differ at
 * random.
 */
export async function drawnComparison(
  { builds, between }: KeptBuilds,
  planned: readonly number[],
  rng: Rng,
): Promise<Comparison> {
  const draw = (runs: readonly Judgement[]): Promise<Judgement> => {
    const run = runs[Math.floor(rng.next() * runs.length)];
    return run === undefined ? Promise.reject(new Error('no kept runs to draw from')) : Promise.resolve(run);
  };
  const { judged, look } = await playRounds(builds, planned, draw, undefined, between);
  return compareBuilds(judged, { between, detect: 0, look });
}

/** A build that loses twice as many writes of rendered fields in each run, and is as it was in all else. */
export function losingMore(runs: readonly Judgement[]): Judgement[] {
  return runs.map((run) => ({
    ...run,
    invariants: run.invariants.map((one) => {
      if (one.name !== 'rtif-last-writer-wins') return one;
      const variants = Object.entries(one.variants ?? {}).map(([name, count]) => [name, 2 * count] as const);
      return { ...one, violations: 2 * one.violations, variants: Object.fromEntries(variants) };
    }),
  }));
}

/** Some counts of two builds, run by run. */
type Counts = readonly { readonly a: readonly Counted[]; readonly b: readonly Counted[] }[];

export interface Errors {
  readonly comparisons: number;
  /** How many found a difference: with the looks as planned, with all runs alone, and at p < 0.05 of any look. */
  readonly looking: number;
  readonly once: number;
  readonly peeking: number;
}

/** Counts of a build and itself, Holm's correction over all of them at 5 %: is there any difference? */
export function errorsOf(known: Prior, most: number, comparisons: number, draw: () => Counts): Errors {
  const planned = plannedLooks(most);
  const found = { looking: 0, once: 0, peeking: 0 };
  for (let comparison = 0; comparison < comparisons; comparison++) {
    const counts = draw();
    const looks = planned.map((after) => {
      const sides = counts.map(({ a, b }) => [a.slice(0, after), b.slice(0, after)] as const);
      const counted = sides.filter(([a, b]) => pooled([...a, ...b]).count > 0);
      const least = Math.min(1, ...counted.map(([a, b]) => pValueOf(a, b, weightsAfter(known, [a, b]))));
      return { plain: least * counted.length, allowing: pOverLooks(least, { after, planned }) * counted.length };
    });
    if (looks.some(({ allowing }) => allowing < LEVEL)) found.looking++;
    if (looks.some(({ plain }) => plain < LEVEL)) found.peeking++;
    if ((looks.at(-1)?.plain ?? 1) < LEVEL) found.once++;
  }
  return { comparisons, ...found };
}

/** 6 to 60 events a run on average, and rates that vary between runs as much as is known of frequent events. */
export function simulatedCounts({ frequent }: Prior, amount: number, most: number, rng: Rng): Counts {
  return Array.from({ length: amount }, () => {
    const spread = drawn(frequent, rng);
    const mean = 6 * 10 ** rng.next();
    return { a: draws(most, mean, spread, rng), b: draws(most, mean, spread, rng) };
  });
}

/** All counts that decide, of runs that are drawn without replacement from those that were kept of one build. */
export function keptCounts(runs: readonly Judgement[], most: number, rng: Rng): Counts {
  const order = runs.map((run) => ({ run, at: rng.next() })).sort((x, y) => x.at - y.at);
  const sides = [order.slice(0, most), order.slice(most, 2 * most)].map((side) => side.map(({ run }) => run));
  const [a = [], b = []] = sides;
  const merged = sideOf(runs);
  return seriesOf({ a, b }, { a: merged, b: merged }).filter(({ decides }) => decides);
}

function drawn(weights: readonly number[], rng: Rng): number {
  let left = rng.next();
  for (const [index, spread] of SPREADS.entries()) {
    left -= weights[index] ?? 0;
    if (left < 0) return spread;
  }
  return SPREADS[0];
}

export function draws(runs: number, mean: number, spread: number, rng: Rng): Counted[] {
  return Array.from({ length: runs }, () => ({ count: drawCount(mean, spread, rng), exposure: 60 }));
}
