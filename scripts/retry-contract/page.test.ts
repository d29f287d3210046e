import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type ContractAnswer, type ContractRun, contractPage, unexplained, withContractRun } from './page.ts';

const root = path.join(import.meta.dirname, '..', '..');
const page = readFileSync(path.join(root, 'docs', 'retry-contract.md'), 'utf8');
const data = path.join(root, 'records', 'retry-contract.json');
const kept = existsSync(data) ? (JSON.parse(readFileSync(data, 'utf8')) as ContractRun[]) : [];

const ANSWER: ContractAnswer = {
  window: 6,
  role: 'api-execution',
  sqlstate: '40P01',
  statement: 'end of a try',
  kind: 'state',
  requested: 'success',
  hits: 3,
  answered: ['500', '500', '204'],
  again: ['204', '204', null],
  became: ['success', 'success', 'failed'],
  says_failed: 1,
};
const RUN: ContractRun = {
  build: 'airflow@3.3.2',
  seed: 1,
  at: '2026-11-30T08:00:00.000Z',
  load_seconds: 170,
  answers: [ANSWER],
  ended: [],
  findings: [],
};

test('the page says what the kept runs say, and everything that they found is explained', () => {
  expect(contractPage(page, kept)).toBe(page);
  expect(unexplained(kept)).toEqual([]);
});

test('a cell has the answers, those to the next sending, what was recorded otherwise and what the log says', () => {
  const [, row = ''] = /^(\| state .*)$/m.exec(contractPage(page, [RUN])) ?? [];
  expect(row).toBe(
    '| state | 40P01 | `end of a try` | 3: 500 × 2, 204; sent again: 204 × 2; recorded: success → failed; ' +
      'the log says failed: 1 |',
  );
  const other = { ...RUN, build: 'airflow@3.2.2', answers: [{ ...ANSWER, window: 2, kind: 'heartbeat' }] };
  expect(contractPage(page, [RUN, other])).toContain('| not met |');
});

test('the newest run of a build and seed is kept, and what has no explanation is named', () => {
  const again = { ...RUN, findings: [{ name: 'work-goes-on', variant: 'stuck', count: 2, is_known: false }] };
  const runs = withContractRun(withContractRun([RUN], { ...RUN, seed: 2 }), again);
  expect(runs.map(({ seed, findings }) => [seed, findings.length])).toEqual([
    [1, 1],
    [2, 0],
  ]);
  expect(unexplained(runs)).toEqual(['airflow@3.3.2, seed 1: work-goes-on (stuck)']);
});
