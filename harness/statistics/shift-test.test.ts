import { describe, expect, test } from 'vitest';

import { Rng } from '../model/rng.ts';
import { compareShift } from './shift-test.ts';

const KNOWN = { before: { deviation: 0.2, freedom: 3 }, floor: 0, seed: 'x' };
const NOTHING_KNOWN = { ...KNOWN, before: { deviation: 1, freedom: 0 } };

describe('the shift of a value between builds', () => {
  test('is the t test of the logarithms, as scipy has it, when nothing is known before', () => {
    // scipy.stats.ttest_ind(log([100, 120, 90]), log([150, 210, 160]))
    const result = compareShift([100, 120, 90], [150, 210, 160], NOTHING_KNOWN);
    expect(result?.p_value).toBeCloseTo(0.018138034, 8);
    expect(result?.ratio).toBeCloseTo(1.671099312, 8);
  });

  test('needs three runs a side', () => {
    expect(compareShift([100, 120], [150, 210, 160], KNOWN)).toBeNull();
  });

  test('is the same whenever it is asked, and its interval holds it', () => {
    const [once, again] = [1, 2].map(() => compareShift([100, 120, 90], [150, 210, 160], KNOWN));
    expect(once?.interval).toEqual(again?.interval);
    const [low, high] = once?.interval ?? [0, 0];
    expect(low).toBeLessThan(once?.ratio ?? 0);
    expect(high).toBeGreaterThan(once?.ratio ?? 0);
  });

  test('of runs that happen to agree keeps a wide interval, because of what was known before', () => {
    const [low, high] = compareShift([100, 100.1, 100], [110, 110.1, 110], KNOWN)?.interval ?? [1, 1];
    expect(high / low).toBeGreaterThan(1.2);
  });

  test('below the floor is nothing', () => {
    const [low, high] = compareShift([0, 0.001, 0], [0.01, 0, 0], { ...KNOWN, floor: 1 })?.interval ?? [9, 9];
    expect(low).toBeLessThan(1);
    expect(high).toBeGreaterThan(1);
  });

  test('would have been seen from the factor on that it names', () => {
    const a = [100, 120, 90];
    const factor = compareShift(a, a, KNOWN)?.smallestSeen(0.01) ?? 0;
    const shifted = (by: number) =>
      compareShift(
        a,
        a.map((one) => one * by),
        KNOWN,
      )?.p_value ?? 1;
    expect(shifted(factor * 1.001)).toBeLessThan(0.01);
    expect(shifted(factor * 0.999)).toBeGreaterThan(0.01);
  });

  test('has an interval that contains 1 for about 95 of 100 builds compared with themselves', () => {
    const rng = new Rng(7, 'shift');
    const draw = () =>
      Array.from({ length: 4 }, () => Math.exp(0.2 * (rng.next() + rng.next() + rng.next() - 1.5) * 2));
    const held = Array.from({ length: 300 }, (_, index) => {
      const [low, high] = compareShift(draw(), draw(), { ...KNOWN, seed: String(index) })?.interval ?? [9, 9];
      return low <= 1 && high >= 1;
    }).filter(Boolean).length;
    expect(held).toBeGreaterThan(300 * 0.91);
    expect(held).toBeLessThan(300 * 0.99);
  });
});
