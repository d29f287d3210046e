import { expect, test } from 'vitest';

import { namespaceOf, ofAnotherRun } from './namespace.ts';

test("a run knows its own DAGs, and people's, from those of another run on the same stack", () => {
  const mine = namespaceOf('a1b2c3');
  expect(ofAnotherRun('wt_a1b2c3_wt_storm_1', mine)).toBe(false);
  expect(ofAnotherRun('wt_a1b2c3_wt_storm_1', `${mine}wt_`)).toBe(false);
  expect(ofAnotherRun('wt_0f0f0f_wt_storm_1', mine)).toBe(true);
  expect(ofAnotherRun('nightly_sales', mine)).toBe(false);
  // A stack of its own has no namespace and no DAGs of others.
  expect(ofAnotherRun('wt_storm_1', '')).toBe(false);
});
