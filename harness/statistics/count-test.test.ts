import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  compareCounts,
  logLikelihood,
  type Prior,
  pValueOf,
  rateInterval,
  SPREADS,
  smallestCountSeen,
  weightsAfter,
} from './count-test.ts';

/** All weight on one spread: then the test is exact and has a name. */
const only = (spread: number) => SPREADS.map((one) => (one === spread ? 1 : 0));
const POISSON = only(0);
const EVEN: Prior = { rare: SPREADS.map(() => 1 / SPREADS.length), frequent: SPREADS.map(() => 1 / SPREADS.length) };
const runs = (counts: readonly number[], exposure = 60) => counts.map((count) => ({ count, exposure }));
const rate = (count: number, exposure = 60) => runs([count], exposure);

/** Count and exposure of A, of B, then p and the ends of the interval by scipy (two_rates in check-statistics.py). */
const REFERENCE: [number, number, number, number, number, number, number | null][] = [
  [19, 60, 50, 60, 0.000244397017, 1.5242912, 4.72652567],
  [74, 60, 7, 60, 3.16738276e-15, 0.0367570554, 0.204797005],
  [3, 28800, 0, 60, 1, 0, 1161.57691],
  [8113, 60, 14630, 120, 1.04207518e-13, 0.8774452, 0.926549477],
  [1, 60, 0, 58.25, 1, 0, 40.1716738],
  [295, 60, 294, 60, 1, 0.845066499, 1.17531586],
  [37434, 60, 37430, 60, 0.991251862, 0.985643907, 1.01434838],
  [13497, 28800, 32533, 58.25, 0, 1168.03152, 1215.99085],
  [1199, 61.5, 1891, 60, 1.36217897e-39, 1.50293782, 1.73932905],
  [11, 61.5, 15, 120, 0.477201746, 0.2999351, 1.6821542],
  [93, 60, 89, 120, 1.16947425e-6, 0.353746618, 0.646893076],
  [12, 28800, 14, 60, 5.31803054e-31, 240.405104, 1325.38535],
  [2, 28800, 2, 120, 0.000205466732, 17.3963889, 3311.03199],
  [0, 60, 2, 60, 0.5, 0.187809111, null],
  [82, 28800, 73, 58.25, 7.07709528e-152, 316.63059, 610.852965],
  [1816, 28800, 1369, 58.25, 0, 347.216234, 400.029117],
  [9, 60, 1, 58.25, 0.0242243921, 0.00261114691, 0.825944165],
  [11, 28800, 3, 60, 6.43050835e-6, 23.4503592, 495.561527],
  [7, 60, 6, 120, 0.20707849, 0.118989949, 1.48929376],
  [18246, 61.5, 46294, 120, 2.03661945e-205, 1.27820562, 1.32286301],
];

describe('without spread it is the exact test of two Poisson rates', () => {
  test.each(REFERENCE)('%i in %d s against %i in %d s is as scipy has it', (a, ea, b, eb, p, low, high) => {
    const result = compareCounts(rate(a, ea), rate(b, eb), POISSON);
    expect(result.p_value).toBeCloseTo(p, 9);
    if (p > 0) expect(result.p_value / p).toBeCloseTo(1, 6);
    const [lower, upper] = result.interval ?? [Number.NaN, Number.NaN];
    // The literals have ten digits or so.
    expect(lower).toBeGreaterThanOrEqual(low * (1 - 1e-6));
    expect(lower).toBeLessThanOrEqual(low * (1 + 1e-6));
    if (high === null) expect(upper).toBeNull();
    else expect((upper ?? Number.NaN) / high).toBeCloseTo(1, 6);
  });

  test('errs at most as often as it says, when both rates are the same', () => {
    // Exactly, without sampling: the sum over all outcomes of a Poisson pair with mean 4 that the test calls different.
    const poisson = (n: number): number => (n === 0 ? Math.exp(-4) : (poisson(n - 1) * 4) / n);
    let wrong = 0;
    for (let a = 0; a < 25; a++) {
      for (let b = 0; b < 25; b++) {
        if (pValueOf(rate(a), rate(b), POISSON) < 0.05) wrong += poisson(a) * poisson(b);
      }
    }
    expect(wrong).toBeGreaterThan(0.005);
    expect(wrong).toBeLessThan(0.05);
  });
});

describe('with spread', () => {
  test('it is the beta-binomial test, as scipy has it', () => {
    // 2 * betabinom(22, 1 / .256, 1 / .256).cdf(0), and 2 * betabinom(60, 3 / 1.024, 3 / 1.024).cdf(12)
    expect(pValueOf(rate(0), rate(22), only(0.256))).toBeCloseTo(0.00316555, 7);
    expect(pValueOf(runs([5, 3, 4]), runs([20, 10, 18]), only(1.024))).toBeCloseTo(0.15696654, 7);
  });

  test('errs at most as often as it says, when the runs of both builds vary so', () => {
    const size = 1 / 0.256;
    const mass = (n: number): number =>
      n === 0 ? (size / (size + 6)) ** size : (mass(n - 1) * (n - 1 + size) * 6) / (n * (size + 6));
    const masses = Array.from({ length: 60 }, (_, n) => mass(n));
    let wrong = 0;
    for (const [a, inA] of masses.entries()) {
      for (const [b, inB] of masses.entries()) {
        if (pValueOf(rate(a), rate(b), only(0.256)) < 0.05) wrong += inA * inB;
      }
    }
    expect(wrong).toBeGreaterThan(0.005);
    expect(wrong).toBeLessThan(0.05);
  });

  test('a difference must be larger the more runs vary', () => {
    const p = SPREADS.map((spread) => pValueOf(rate(8), rate(40), only(spread)));
    for (const [index, value] of p.entries()) expect(value).toBeGreaterThanOrEqual(p[index - 1] ?? 0);
  });
});

describe('what the runs say of the spread', () => {
  test('runs that agree make it small, runs that do not make it large', () => {
    const meanOf = (weights: readonly number[]) =>
      weights.reduce((sum, weight, index) => sum + weight * (SPREADS[index] ?? 0), 0);
    const calm = weightsAfter(EVEN, [runs([20, 22, 19]), runs([18, 21, 20])]);
    const wild = weightsAfter(EVEN, [runs([2, 50, 9]), runs([60, 1, 20])]);
    expect(meanOf(calm)).toBeLessThan(0.1);
    expect(meanOf(wild)).toBeGreaterThan(0.4);
  });

  test('a single run a side says nothing: what was known before stays', () => {
    const after = weightsAfter(EVEN, [rate(20), rate(2)]);
    for (const weight of after) expect(weight).toBeCloseTo(1 / SPREADS.length, 12);
    expect(logLikelihood(rate(20), 0.5)).toBe(0);
  });

  test('a count that is rare begins from what is known of rare ones', () => {
    const prior = { rare: only(4.096), frequent: only(0.002) };
    expect(weightsAfter(prior, [rate(4), rate(0)])).toEqual(only(4.096));
    expect(weightsAfter(prior, [rate(9), rate(1)])).toEqual(only(0.002));
  });
});

describe('whatever the weights', () => {
  const counts = fc.array(fc.nat(60), { minLength: 1, maxLength: 4 });
  const weights = fc.nat(1000).map((seed) => {
    const raw = SPREADS.map((_, index) => ((seed * (index + 3) * 7919) % 97) + 1);
    const sum = raw.reduce((x, y) => x + y, 0);
    return raw.map((value) => value / sum);
  });

  test('the test says the same from either side', () => {
    fc.assert(
      fc.property(counts, counts, weights, (a, b, given) => {
        expect(pValueOf(runs(b, 50), runs(a), given)).toBeCloseTo(pValueOf(runs(a), runs(b, 50), given), 9);
      }),
      { numRuns: 50 },
    );
  });

  test('p is below 0.05 exactly where the interval leaves out 1', () => {
    fc.assert(
      fc.property(counts, counts, weights, (a, b, given) => {
        fc.pre([...a, ...b].some((one) => one > 0));
        const { p_value, interval } = compareCounts(runs(a), runs(b, 45), given);
        const [low, high] = interval ?? [0, null];
        expect(low > 1 || (high !== null && high < 1)).toBe(p_value < 0.05);
      }),
      { numRuns: 50 },
    );
  });

  test('the limits of a rate hold the rate', () => {
    fc.assert(
      fc.property(counts, weights, (a, given) => {
        const [low, high] = rateInterval(runs(a), given);
        const seen = a.reduce((sum, one) => sum + one, 0) / (60 * a.length);
        expect(low).toBeLessThanOrEqual(seen);
        expect(high).toBeGreaterThan(seen);
      }),
      { numRuns: 50 },
    );
  });
});

describe('at the edges', () => {
  test('nothing cannot be parted from nothing, nor a few from none', () => {
    expect(compareCounts(rate(0), rate(0), POISSON)).toEqual({ p_value: 1, ratio: null, interval: null });
    expect(pValueOf(rate(5), rate(0), POISSON)).toBeCloseTo(0.0625, 9);
    expect(pValueOf(rate(6), rate(0), POISSON)).toBeCloseTo(0.03125, 9);
  });

  test('none in an hour is at most three in an hour at 95 %', () => {
    const [low, high] = rateInterval(rate(0, 3600), POISSON);
    expect(low).toBe(0);
    expect(high * 3600).toBeCloseTo(-Math.log(0.05), 6);
  });

  test('the limits of a Poisson count are the exact ones', () => {
    const [low, high] = rateInterval(rate(10, 1), POISSON);
    expect(low).toBeCloseTo(4.795389, 5);
    expect(high).toBeCloseTo(18.39036, 4);
  });

  test('the smallest count seen is the first that the test calls different, and may not be there', () => {
    for (const [a, exposure] of [
      [0, 60],
      [8, 60],
      [81, 60],
      [8, 20],
    ] as const) {
      const least = smallestCountSeen(rate(a), rate(0, exposure), only(0.064), 0.05) ?? Number.NaN;
      expect(pValueOf(rate(a), rate(least, exposure), only(0.064))).toBeLessThan(0.05);
      expect(pValueOf(rate(a), rate(least - 1, exposure), only(0.064))).toBeGreaterThanOrEqual(0.05);
    }
    expect(smallestCountSeen(rate(0), rate(0), POISSON, 0.05)).toBe(6);
    expect(smallestCountSeen(rate(8), rate(0), only(4.096), 0.001)).toBeNull();
  });
});
