import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { compareRates, dispersion, holm, median, smallestCountSeen, thinnedBy, wilson } from './statistics.ts';

/** Count and exposure of A, of B, then p and the ends of the interval by scipy (check-statistics.py --literal). */
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

const rate = (count: number, exposure = 60) => ({ count, exposure });

describe('the exact test of two rates', () => {
  test.each(REFERENCE)('%i in %d s against %i in %d s is as scipy has it', (a, ea, b, eb, p, low, high) => {
    const result = compareRates(rate(a, ea), rate(b, eb));
    expect(result.p_value).toBeCloseTo(p, 9);
    if (p > 0) expect(result.p_value / p).toBeCloseTo(1, 6);
    const [lower, upper] = result.interval ?? [Number.NaN, Number.NaN];
    expect(lower).toBeCloseTo(low, 5);
    if (high === null) expect(upper).toBeNull();
    else expect((upper ?? Number.NaN) / high).toBeCloseTo(1, 6);
  });

  test('says the same from either side', () => {
    const counts = fc.nat(400);
    const exposures = fc.integer({ min: 1, max: 600 });
    fc.assert(
      fc.property(counts, exposures, counts, exposures, (a, ea, b, eb) => {
        const there = compareRates(rate(a, ea), rate(b, eb)).p_value;
        expect(compareRates(rate(b, eb), rate(a, ea)).p_value).toBeCloseTo(there, 9);
      }),
    );
  });

  test('has p below 0.05 exactly where the interval leaves out 1', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), fc.integer({ min: 20, max: 90 }), (a, b, exposure) => {
        fc.pre(a + b > 0);
        const { p_value, interval } = compareRates(rate(a), rate(b, exposure));
        const [low, high] = interval ?? [0, null];
        expect(low > 1 || (high !== null && high < 1)).toBe(p_value < 0.05);
      }),
    );
  });

  test('cannot part nothing from nothing, nor a few from none', () => {
    expect(compareRates(rate(0), rate(0))).toEqual({ p_value: 1, ratio: null, interval: null });
    expect(compareRates(rate(5), rate(0)).p_value).toBeCloseTo(0.0625, 9);
    expect(compareRates(rate(6), rate(0)).p_value).toBeCloseTo(0.03125, 9);
  });

  test('errs at most as often as it says, when both rates are the same', () => {
    // Exactly, not by chance: the sum over all outcomes of a Poisson pair with mean 4 that the test calls different.
    const poisson = (n: number): number => (n === 0 ? Math.exp(-4) : (poisson(n - 1) * 4) / n);
    let wrong = 0;
    for (let a = 0; a < 25; a++) {
      for (let b = 0; b < 25; b++) {
        if (compareRates(rate(a), rate(b)).p_value < 0.05) wrong += poisson(a) * poisson(b);
      }
    }
    expect(wrong).toBeGreaterThan(0.005);
    expect(wrong).toBeLessThan(0.05);
  });
});

describe('what goes around the test', () => {
  test('Holm: the smallest p pays for all, and none becomes smaller than one before it', () => {
    const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
    for (const [index, p] of [0.03, 0.06, 0.06, 0.02].entries()) expect(adjusted[index]).toBeCloseTo(p, 12);
    expect(holm([])).toEqual([]);
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
  });

  test('dispersion: 1 for a single run and for Poisson counts, more for bursts', () => {
    expect(dispersion([[rate(8)], [rate(0)]])).toBe(1);
    expect(
      dispersion([
        [rate(8), rate(9)],
        [rate(1), rate(0)],
      ]),
    ).toBe(1);
    expect(
      dispersion([
        [rate(2), rate(30)],
        [rate(0), rate(0)],
      ]),
    ).toBeCloseTo(24.5, 9);
  });

  test('a bursty count must differ more before it counts', () => {
    const p = (factor: number) => compareRates(thinnedBy(factor, rate(32)), thinnedBy(factor, rate(10))).p_value;
    expect(p(1)).toBeLessThan(0.05);
    expect(p(8)).toBeGreaterThan(0.05);
  });

  test('the smallest count seen is the first that the test calls different', () => {
    for (const [a, exposure] of [
      [0, 60],
      [8, 60],
      [81, 60],
      [8, 20],
    ] as const) {
      const least = smallestCountSeen(rate(a), exposure, 0.05);
      expect(compareRates(rate(a), rate(least, exposure)).p_value).toBeLessThan(0.05);
      expect(compareRates(rate(a), rate(least - 1, exposure)).p_value).toBeGreaterThanOrEqual(0.05);
    }
    expect(smallestCountSeen(rate(0), 60, 0.05)).toBe(6);
  });
});

/** Found, runs, and the ends by scipy; the first two are Newcombe's examples (Statistics in Medicine 17, 1998). */
const WILSON: [number, number, number, number][] = [
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [19, 20, 0.7639, 0.9911],
  [20, 20, 0.8389, 1],
  [9, 10, 0.5958, 0.9821],
  [0, 50, 0, 0.0713],
  [1, 1, 0.2065, 1],
];

describe('how surely something is found', () => {
  test.each(WILSON)('%i of %i: Wilson says %d to %d', (count, total, low, high) => {
    const [lower, upper] = wilson(count, total) ?? [Number.NaN, Number.NaN];
    expect(lower).toBeCloseTo(low, 4);
    expect(upper).toBeCloseTo(high, 4);
  });

  test('nothing is known without a run', () => {
    expect(wilson(0, 0)).toBeNull();
    expect(median([])).toBeNull();
  });

  test('the interval holds the share, lies within 0 and 1, and narrows with the runs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(300), (total, some) => {
        const count = Math.min(some, total);
        const [low, high] = wilson(count, total) ?? [1, 0];
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(count / total);
        expect(high).toBeGreaterThanOrEqual(count / total);
        const [less, more] = wilson(count * 4, total * 4) ?? [0, 1];
        expect(more - less).toBeLessThan(high - low);
      }),
    );
  });

  test('the median lies in the middle, whatever the order', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([10, 2, 4, 1])).toBe(3);
  });
});
