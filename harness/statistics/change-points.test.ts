import { expect, test } from 'vitest';

import { Rng } from '../model/rng.ts';
import { changePoints, farthestStretches, leastP } from './change-points.ts';

/** Normal around these levels, standard deviation 1. */
function noisy(levels: readonly number[], seed: number): number[] {
  const rng = new Rng(seed, 'noisy');
  return levels.map((level) => level + Math.sqrt(-2 * Math.log(1 - rng.next())) * Math.cos(2 * Math.PI * rng.next()));
}
const flat = (nights: number, level: number) => Array.from({ length: nights }, () => level);
const placesOf = (values: readonly number[], level: number) => changePoints(values, level).map(({ at }) => at);

test('a level that rose is found on the night on which it did, with both medians', () => {
  expect(changePoints([5, 6, 5, 6, 5, 6, 5, 9, 8, 9, 8, 9, 8, 9], 0.01)).toEqual([
    { at: 7, p_value: expect.any(Number), before: 5, after: 9 },
  ]);
  expect(placesOf(noisy([...flat(12, 10), ...flat(12, 4)], 3), 0.01)).toEqual([12]);
});

test('a level that rose and fell again is two changes, with the medians of the levels between', () => {
  const found = changePoints(noisy([...flat(15, 10), ...flat(15, 20), ...flat(15, 10)], 5), 0.01);
  expect(found.map(({ at }) => at)).toEqual([15, 30]);
  expect(found[0]?.after).toBe(found[1]?.before);
});

test('one outlier is no change, and neither is a series without any difference', () => {
  expect(placesOf([...flat(10, 3), 900, ...flat(10, 3)], 0.05)).toEqual([]);
  expect(placesOf(flat(20, 7), 0.05)).toEqual([]);
});

test('the distance is that of the definition', () => {
  const [before, after] = [
    [1, 2, 3],
    [4, 5, 6],
  ];
  const mean = (pairs: readonly number[]) => pairs.reduce((sum, one) => sum + one, 0) / pairs.length;
  const apart = mean(before.flatMap((x) => after.map((y) => Math.abs(x - y))));
  const within = mean([1, 1, 2]);
  const { at, distance } = farthestStretches([...before, ...after]);
  expect(at).toBe(3);
  expect(distance).toBeCloseTo(((3 * 3) / 6) * (2 * apart - within - within), 10);
});

test('what the fewest values can show is known', () => {
  expect([5, 6, 8].map(leastP)).toEqual([1, 2 / 20, 2 / 70]);
  const separated = [1, 2, 3, 4, 5, 6, 7, 8];
  expect(placesOf(separated, 0.02)).toEqual([]);
  expect(placesOf(separated, 0.1)).toEqual([4]);
});

test('of series without a change as many have one as the level says, at most', () => {
  const series = Array.from({ length: 100 }, (_, i) => noisy(flat(20, 10), 100 + i));
  const found = series.filter((values) => placesOf(values, 0.05).length > 0);
  // Binomial(100, 0.05): 12 or more are one in a hundred.
  expect(found.length).toBeLessThan(12);
  expect(found.length).toBeGreaterThan(0);
});

test('a change by three standard deviations in the middle of twenty nights is found', () => {
  const series = Array.from({ length: 50 }, (_, i) => noisy([...flat(10, 10), ...flat(10, 13)], 700 + i));
  const found = series.filter((values) => placesOf(values, 0.01).some((at) => Math.abs(at - 10) <= 2));
  expect(found.length).toBeGreaterThan(44);
});
