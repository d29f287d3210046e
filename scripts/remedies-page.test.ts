import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';
import type { Measured } from './remedies-cases.ts';
import { type RemedyRun, remedyTables } from './remedies-page.ts';

const root = path.join(import.meta.dirname, '..');

function run(build: string, measured: Measured, race = '#62561', scenario = 'orphans'): RemedyRun {
  return { race, scenario, build, seed: 1, at: '2026-11-30', commit: 'abc1234', took_s: 240, measured };
}
const GUARD = 'airflow@3.2.1+patches/3.2.1/62561-guard.patch';
const NOTHING = { hits: 0, of: 0 };
const NONE = { requests: 0, ended_s: [], open_s: [] };

test('the page has the tables of the kept runs: npm run remedies -- --docs writes them', () => {
  const runs = JSON.parse(readFileSync(path.join(root, 'records', 'remedies.json'), 'utf8')) as RemedyRun[];
  expect(readFileSync(path.join(root, 'docs', 'remedies.md'), 'utf8')).toContain(remedyTables(runs));
});

test('occasions of all runs are added up; rows that were completed late and rows that never were differ', () => {
  const first = { early: { hits: 0, of: 2 }, second: NOTHING, empty: { requests: 3, ended_s: [31, 12], open_s: [85] } };
  const next = { early: { hits: 1, of: 3 }, second: NOTHING, empty: { requests: 1, ended_s: [], open_s: [] } };
  const page = remedyTables([run(GUARD, { ...first, killed: NONE }), run(GUARD, { ...next, killed: NONE })]);
  expect(page).toContain(
    '| guard | `airflow@3.2.1+62561-guard` | 2 | 1 of 5 | no occasion | ' +
      '3 of 4 blocked: 2 for 12–31 s, 1 to the end, 85 s later | no occasion |',
  );
});

test('what became of end reports that lost in a deadlock is of one client', () => {
  const measured = { asked: { hits: 4, of: 5 }, accepted: { hits: 5, of: 5 }, otherwise: { hits: 0, of: 5 }, logs: 2 };
  const page = remedyTables([run('airflow@3.2.1', measured, '#66734', 'storm')]);
  expect(page).toContain('| none | `airflow@3.2.1` | 1 | 4 of 5 | 5 of 5 | 0 of 5 | 2 |');
  expect(page.match(/\| none \| `airflow@3\.2\.1` \| 0 \|/g)).toHaveLength(2);
});

test('requests that left nothing behind are counted, and a build without runs has no figures', () => {
  const left = { requests: 4, ended_s: [], open_s: [] };
  const page = remedyTables([run(GUARD, { early: NOTHING, second: NOTHING, empty: left, killed: NONE })]);
  expect(page).toContain('| nothing left by 4 |');
  expect(page).toContain('| flush | `airflow@3.2.1+62561-flush` | 0 | not run | not run | not run |');
  const fields = { twice: NOTHING, other: { hits: 1, of: 4 }, late: { hits: 3, of: 4 }, clear_s: 5.25 };
  expect(remedyTables([run('airflow@3.3.2', fields, '#63581', 'late-fields')])).toContain(
    '| `airflow@3.3.2` | 1 | no occasion | 1 of 4 | 3 of 4 | 5.3 s |',
  );
});
