import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';
import { dueIn, EVIDENCE, type Evidence, estimateS, fits, GRACE_S } from './evidence.ts';
import { recordsReadme } from './readme.ts';
import { type EvidenceRecord, type Round, readRecords, recordOf, type StepResult } from './records.ts';

const MACHINE = { platform: 'linux', arch: 'x64', cpus: 2, node: 'v24.1.0' };

function evidence(name: string, steps: number, minutes = 10): Evidence {
  const all = Array.from({ length: steps }, (_, i) => ({ name: `${i + 1}`, minutes, args: () => [] }));
  return { name, title: `The ${name}`, command: `npm run ${name}`, steps: all };
}

function done(name: string, over: Partial<StepResult> = {}): StepResult {
  return { name, result: 'pass', exit_code: 0, started_at: '2026-11-20T01:00:00.000Z', seconds: 60, ...over };
}

function record(name: string, ended: string, over: Partial<EvidenceRecord> = {}): EvidenceRecord {
  const steps = [done('1', { started_at: `${ended}T01:00:00.000Z` })];
  return { ...recordOf(evidence(name, 1), { commit: 'abc1234' }, MACHINE, steps, undefined), ...over };
}

const EMPTY: Round = { commit: 'abc1234', seed: 7, started_at: '', completed: [], steps: {}, running: null };
const ALL = [evidence('a', 1), evidence('b', 2), evidence('c', 1)];
const names = (records: readonly EvidenceRecord[], round: Round = EMPTY) =>
  dueIn(ALL, records, round).map((due) => due.evidence.name);

test('evidence without a record comes first, then the oldest record, whatever its result', () => {
  expect(names([])).toEqual(['a', 'b', 'c']);
  expect(names([record('a', '2026-11-21'), record('c', '2026-11-20')])).toEqual(['b', 'c', 'a']);
  const failed = record('a', '2026-11-22', { result: 'fail', last_passed: null });
  expect(names([failed, record('b', '2026-11-21'), record('c', '2026-11-20')])).toEqual(['c', 'b', 'a']);
});

test('a round repeats neither completed evidence nor completed steps', () => {
  const round = { ...EMPTY, completed: ['a'], steps: { b: [done('1')] } };
  expect(names([], round)).toEqual(['b', 'c']);
  expect(dueIn(ALL, [], round)[0]?.steps.map(({ name }) => name)).toEqual(['2']);
});

test('evidence that does not exist yet is not due', () => {
  expect(dueIn([{ ...evidence('d', 0), missing: 'no script' }], [], EMPTY)).toEqual([]);
});

test('a step takes as long as last time, or as its evidence says', () => {
  const b = evidence('b', 2, 5);
  const [one, two] = b.steps;
  if (!one || !two) throw new Error('two steps');
  const records = [record('b', '2026-11-20', { steps: [done('1', { seconds: 123 })] })];
  expect([estimateS(b, one, records), estimateS(b, two, records)]).toEqual([123, 300]);
});

test('a step begins only if it can end, with time to take its stack down, before the budget is used', () => {
  expect(fits(600, 0, 600 + GRACE_S)).toBe(true);
  expect(fits(600, 1, 600 + GRACE_S)).toBe(false);
});

test('a record keeps when the evidence last passed, with commit and machine, when it fails afterwards', () => {
  const before = record('a', '2026-11-20');
  expect(before.last_passed).toMatchObject({ commit: 'abc1234', seconds: 60, at: '2026-11-20T01:01:00.000Z' });
  const steps = [done('1', { result: 'fail', exit_code: 1, started_at: '2026-11-25T01:00:00.000Z' }), done('2')];
  const after = recordOf(evidence('a', 2), { commit: 'def5678' }, MACHINE, steps, before);
  expect(after).toMatchObject({ result: 'fail', commit: 'def5678', last_passed: before.last_passed });
  const page = recordsReadme([...ALL, { ...evidence('d', 0), missing: 'no script' }], [after]);
  expect(page).toContain('| a | 2026-11-20 | `abc1234` | linux x64, 2 CPUs, Node 24.1.0 | 60 s | fail, ');
  expect(page).toContain('| b | no record yet |');
  expect(page).toContain('| d | not there yet: no script |');
});

test('the names of evidence and of the steps of one are unique', () => {
  expect(new Set(EVIDENCE.map(({ name }) => name)).size).toBe(EVIDENCE.length);
  for (const { steps, name } of EVIDENCE) expect(new Set(steps.map((step) => step.name)).size, name).toBe(steps.length);
});

test('records/README.md has what the records say: npm run nightly writes it', () => {
  const records = path.join(import.meta.dirname, '..', '..', 'records');
  const page = readFileSync(path.join(records, 'README.md'), 'utf8');
  expect(page).toBe(recordsReadme(EVIDENCE, readRecords(path.join(records, 'nightly'))));
});
