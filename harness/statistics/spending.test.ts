import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { normalTail } from './special-functions.ts';
import { lastLevel, levelAtLook, nominalLevels, plannedLooks, pOverLooks } from './spending.ts';

/** The two-sided p-values of these z. */
const pOf = (z: readonly number[]) => z.map((one) => 2 * normalTail(one));
const evenly = (looks: number) => Array.from({ length: looks }, (_, index) => (index + 1) / looks);

/** Relative: the tables have four decimals of z. */
function expectLevels(levels: readonly number[], z: readonly number[]): void {
  expect(levels).toHaveLength(z.length);
  for (const [index, p] of pOf(z).entries()) expect((levels[index] ?? 0) / p).toBeCloseTo(1, 3);
}

describe('levels of looks at equal parts, two-sided, 5 %, as in the tables of Lan and DeMets’s program', () => {
  test('with O’Brien and Fleming’s kind of spending', () => {
    // Each side spends 2 − 2 Φ(z / √t), where z is the point above which 1.25 % lie.
    const spent = (part: number) => 4 * normalTail(2.2414027 / Math.sqrt(part));
    expectLevels(nominalLevels(evenly(2), spent), [2.9626, 1.9686]);
    expectLevels(nominalLevels(evenly(3), spent), [3.7103, 2.5114, 1.993]);
    expectLevels(nominalLevels(evenly(4), spent), [4.3326, 2.9631, 2.359, 2.0141]);
    expectLevels(nominalLevels(evenly(5), spent), [4.8769, 3.3569, 2.6803, 2.2898, 2.031]);
  });

  test('with Pocock’s kind of spending', () => {
    const spent = (part: number) => 0.05 * Math.log(1 + (Math.E - 1) * part);
    expectLevels(nominalLevels(evenly(2), spent), [2.157, 2.201]);
    expectLevels(nominalLevels(evenly(3), spent), [2.2794, 2.2949, 2.2959]);
    expectLevels(nominalLevels(evenly(4), spent), [2.3683, 2.3675, 2.3582, 2.35]);
    expectLevels(nominalLevels(evenly(5), spent), [2.438, 2.4268, 2.4101, 2.3966, 2.3859]);
  });
});

describe('a comparison that may end early', () => {
  test('is looked at up to five times, never after one run of each build, and after the last', () => {
    expect([1, 2, 3, 4, 5, 8, 20].map(plannedLooks)).toEqual([
      [1],
      [2],
      [2, 3],
      [2, 3, 4],
      [2, 3, 4, 5],
      [2, 4, 5, 7, 8],
      [4, 8, 12, 16, 20],
    ]);
  });

  test('spends as much of the level as of its runs', () => {
    const [early, late] = [2, 3].map((after) => levelAtLook(0.05, { after, planned: [2, 3] }));
    expect(early).toBeCloseTo(0.05 * (2 / 3), 6);
    // More than the third that is left: a difference that the last look sees was often seen by the first.
    expect(late).toBeCloseTo(0.03026, 4);
    expect(lastLevel(0.05, 3)).toBeCloseTo(late ?? 0, 4);
  });

  test('with one look is decided as one without', () => {
    for (const look of [null, { after: 4, planned: [4] }]) {
      expect(levelAtLook(0.003, look)).toBe(0.003);
      expect(pOverLooks(0.003, look)).toBe(0.003);
    }
  });

  test('has p-values that are below a level where the p-value of the look is below the look’s level', () => {
    const planned = plannedLooks(8);
    fc.assert(
      fc.property(fc.constantFrom(...planned), fc.double({ min: -11, max: 0, noNaN: true }), (after, exponent) => {
        const [look, level] = [{ after, planned }, 10 ** exponent];
        const nominal = levelAtLook(level, look);
        expect(nominal).toBeLessThanOrEqual(level);
        expect(pOverLooks(nominal, look) / level).toBeCloseTo(1, 9);
        expect(pOverLooks(nominal * 1.1, look)).toBeGreaterThanOrEqual(level);
      }),
    );
    expect(pOverLooks(0, { after: 8, planned })).toBe(0);
    expect(pOverLooks(1, { after: 8, planned })).toBe(1);
  });
});
