import { expect, test } from 'vitest';

import { FAULT_MATRIX, violationsOf } from '../testing/fault-matrix.ts';

test.each(FAULT_MATRIX.map((row) => [row.invariant, row.why, row] as const))('%s: %s', async (_, __, row) => {
  const { without, under } = await violationsOf(row, row.faults);
  expect(without).toBeGreaterThan(0);
  expect(under).toEqual(Object.fromEntries(row.faults.map((fault) => [fault, 0])));
});
