import fc from 'fast-check';
import { expect, test } from 'vitest';

import { trendOf } from './trend.ts';

const series = (values: readonly number[]) => values.map((value, hours) => ({ hours, value }));

/**
 * scipy.stats.kendalltau(range(n), values, method='exact').pvalue and theilslopes(values)[0]:
 * test/check-statistics.py.
 */
const LITERAL: readonly [values: readonly number[], p: number, slope: number][] = [
  [[1, 2, 3, 4, 5], 0.0166666666666667, 1],
  [[5, 3, 4, 1, 2], 0.233333333333333, -0.875],
  [[2, 1, 4, 3, 6, 5, 8, 7], 0.014136904761904762, 1],
];

test.each(LITERAL)('%j is as scipy has it', (values, p, slope) => {
  const trend = trendOf([series(values)]);
  expect(trend.p_value).toBeCloseTo(p, 10);
  expect(trend.per_hour).toBeCloseTo(slope, 10);
});

test('two series are added, not joined: a step between them is no trend', () => {
  const [low, high] = [series([3, 1, 2, 4, 2.5]), series([103, 101, 102, 104, 102.5])];
  expect(trendOf([low, high]).p_value).toBeGreaterThan(0.2);
  expect(trendOf([[...low, ...high]]).p_value).toBeLessThan(0.05);
  // Both rise: together they say more than each.
  const rising = series([1, 2, 3, 4, 5]);
  expect(trendOf([rising, rising]).p_value).toBeCloseTo(2 / 120 ** 2, 12);
});

test('nothing to compare is no trend', () => {
  expect(trendOf([])).toEqual({ readings: 0, per_hour: null, p_value: 1, least_p: 1 });
  expect(trendOf([series([7])])).toMatchObject({ readings: 1, per_hour: null, p_value: 1 });
  expect(trendOf([series([7, 7, 7, 7, 7, 7])])).toMatchObject({ per_hour: 0, p_value: 1 });
});

test('mirrored values have the mirrored slope and the same p, and long series are shortened', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 2, maxLength: 300 }), (values) => {
      const trend = trendOf([series(values)]);
      const mirrored = trendOf([series(values.map((value) => -value))]);
      expect(mirrored.p_value).toBe(trend.p_value);
      expect(mirrored.per_hour).toBeCloseTo(-(trend.per_hour ?? 0), 9);
      expect(trend.p_value).toBeGreaterThanOrEqual(0);
      expect(trend.p_value).toBeLessThanOrEqual(1);
    }),
    { numRuns: 50 },
  );
});
