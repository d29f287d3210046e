import { describe, expect, test } from 'vitest';

import { incompleteBeta, logGamma, studentQuantile, studentTails } from './special-functions.ts';

/** Values by mpmath, to 15 digits. */
const LOG_GAMMA: readonly [x: number, value: number][] = [
  [0.01, 4.59947987804202],
  [0.2, 1.52406382243078],
  [0.5, 0.5723649429247],
  [1.5, -0.120782237635245],
  [3.5, 1.20097360234707],
  [9.99, 12.7793152143502],
  [10, 12.8018274800815],
  [123.4, 469.336097442191],
  [5000, 37582.6263156854],
  [2_000_000, 27017309.1416581],
];

const BETA: readonly [x: number, a: number, b: number, value: number][] = [
  [0.1, 0.5, 0.5, 0.204832764699133],
  [0.5, 2, 3, 0.6875],
  [0.9, 2, 0.5, 0.541469739275585],
  [1e-6, 2, 0.5, 3.7500012500007e-13],
  [0.3, 50, 100, 0.194551833772246],
  [0.999, 30, 0.5, 0.807237306159537],
  [0.02, 3.75, 0.5, 1.20863562086738e-7],
  [0.5, 5000, 5000, 0.5],
];

const STUDENT: readonly [level: number, freedom: number, t: number][] = [
  [0.05, 1, 12.7062047361747],
  [0.05, 4, 2.77644510519779],
  [0.05, 7.5, 2.33303962686497],
  [0.01, 10, 3.16927267261695],
  [0.001, 2, 31.5990545764436],
  [1e-5, 1, 63661.9772315221],
  [1e-5, 60, 4.8246974064614],
  [0.5, 3, 0.764892328404345],
];

function expectClose(got: number, value: number, tolerance: number): void {
  expect(Math.abs(got - value)).toBeLessThanOrEqual(tolerance * Math.max(Math.abs(value), 1e-300));
}

describe('special functions, against reference values', () => {
  test.each(LOG_GAMMA)('log Γ(%d) = %d', (x, value) => expectClose(logGamma(x), value, 1e-13));
  test.each(BETA)('I(%d; %d, %d) = %d', (x, a, b, value) => expectClose(incompleteBeta(x, a, b), value, 1e-10));
  test.each(STUDENT)('|t| reaches its quantile with probability %d at %d degrees of freedom', (level, freedom, t) => {
    expectClose(studentQuantile(level, freedom), t, 1e-12);
    expectClose(studentTails(t, freedom), level, 1e-12);
  });

  test('the incomplete beta function at and beyond its ends', () => {
    expect([0, 1].map((x) => incompleteBeta(x, 2, 3))).toEqual([0, 1]);
  });
});
