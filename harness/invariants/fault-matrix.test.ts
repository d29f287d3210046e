import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { FAULTS } from '../faults/index.ts';
import { readInvariants } from '../judge/invariants.ts';
import { FAULT_MATRIX, faultMatrixTable, UNEXPLAINED, violationsOf } from '../testing/fault-matrix.ts';

test('each invariant says which faults explain its violations, or why none does', async () => {
  const known = FAULT_MATRIX.map(({ invariant }) => invariant);
  const names = [...new Set([...known, ...Object.keys(UNEXPLAINED)])].sort();
  expect(names).toEqual((await readInvariants()).map(({ name }) => name).sort());
  expect(known.filter((name) => name in UNEXPLAINED)).toEqual([]);
  const faults = new Set(FAULTS.map(({ name }) => name));
  expect(FAULT_MATRIX.flatMap((row) => row.faults).filter((name) => !faults.has(name))).toEqual([]);
});

test('the documentation has the table', () => {
  const page = readFileSync(new URL('../../docs/faults.md', import.meta.url), 'utf8');
  const [, table] = /<!-- begin excuses -->\n\n([\s\S]*?)\n\n<!-- end excuses -->/.exec(page) ?? [];
  expect(table).toBe(faultMatrixTable());
});

// The first and the last of each: one of every kind. All of them take a minute of CPU (fault-matrix.long.test.ts).
test.each(FAULT_MATRIX.map((row) => [row.invariant, row.why, row] as const))('%s: %s', async (_, __, row) => {
  const some = [...new Set([row.faults.at(0), row.faults.at(-1)].filter((name) => name !== undefined))];
  const { without, under } = await violationsOf(row, some);
  expect(without).toBeGreaterThan(0);
  expect(under).toEqual(Object.fromEntries(some.map((fault) => [fault, 0])));
});
