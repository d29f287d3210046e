import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { holm, median, wilson } from './statistics.ts';

test('Holm: the smallest p pays for all, and none becomes smaller than one before it', () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  for (const [index, p] of [0.03, 0.06, 0.06, 0.02].entries()) expect(adjusted[index]).toBeCloseTo(p, 12);
  expect(holm([])).toEqual([]);
  expect(holm([0.9, 0.8])).toEqual([1, 1]);
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
