import { expect, test } from 'vitest';

import { fisher } from './contrast.ts';

test('a lady who tasted eight cups of tea correctly has p = 1/70', () => {
  expect(fisher(4, 4, 0, 4)).toBeCloseTo(1 / 70, 10);
  expect(fisher(3, 4, 1, 4)).toBeCloseTo(17 / 70, 10);
});

test('a label that all have, or none, distinguishes nothing', () => {
  expect(fisher(27, 27, 410, 410)).toBeCloseTo(1, 10);
  expect(fisher(0, 27, 0, 410)).toBeCloseTo(1, 10);
});

test('large counts neither overflow nor vanish', () => {
  // scipy.stats.hypergeom.sf(26, 437, 30, 27)
  expect(fisher(27, 27, 3, 410)).toBeGreaterThan(0);
  expect(fisher(27, 27, 3, 410)).toBeLessThan(1e-38);
  expect(fisher(300, 600, 200_000, 400_000)).toBeCloseTo(0.5, 1);
});
