import { expect, test } from 'vitest';

import { parseScript } from '../director/script.ts';
import { readDeadlocks } from '../judge/dossiers.ts';
import type { Finding } from '../model/finding.ts';
import { shippedRaces } from '../replay/resolve.ts';
import { withLiteralRun } from '../testing/judge-literal.ts';
import { type LiteralRun, TASK } from '../testing/literal-run.ts';
import { draftsOf } from './draft.ts';
import { raceText } from './race-text.ts';
import { NoScript, sliceOf } from './slice.ts';

const API = { process: 'api-execution-1', packet: 1, place: 1 } as const;
const SCHEDULER = { process: 'scheduler-1', pid: 5, packet: 1, place: 1 } as const;
const OF_TASK = { dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1 };
const BY_API = { writer: 'wt-api-execution-1', writer_pid: 7 };
const BY_SCHEDULER = { writer: 'wt-scheduler-1', writer_pid: 5 };

const KINDS: LiteralRun['statement_kinds'] = [
  { kind: 1, verb: 'insert', target: 'rendered_task_instance_fields', tables: 'rendered_task_instance_fields' },
  { kind: 2, verb: 'select', tables: 'task_instance', locks: 'task_instance', lock_mode: 'update' },
  { kind: 3, verb: 'update', target: 'task_instance', tables: 'task_instance', set_columns: 'dag_version_id' },
  { kind: 4, verb: 'select', tables: 'task_instance', where_columns: 'task_instance.last_heartbeat_at' },
  { kind: 5, verb: 'update', target: 'task_instance', tables: 'task_instance', set_columns: 'state updated_at' },
];
/** From queued to running, and the DAG: two tasks in a row, of which the second is what the tests are about. */
const BEGUN: LiteralRun = {
  statement_kinds: KINDS,
  scenario: {
    dags: [
      {
        ...{ dag_id: 'wt_dag', schedule: null, past_runs: 0, max_active_runs: 16 },
        tasks: [
          { task_id: 'root', upstream: [], duration_ms: [0, 0] },
          { task_id: 'task', upstream: ['root'], duration_ms: [0, 0], retries: 1 },
          { task_id: 'aside', upstream: ['root'], duration_ms: [0, 0] },
        ],
      },
    ],
  },
  operations: [
    { op: 1, kind: 'run', task_id: 'root', ti_id: 'ti-0', requested: 'running', sent_ms: 1_000 },
    { op: 2, kind: 'state', task_id: 'root', ti_id: 'ti-0', requested: 'success', sent_ms: 2_000 },
    { op: 3, kind: 'run', requested: 'running', sent_ms: 3_000 },
  ],
  commits: [
    { seq: 1, id: 'ti-0', task_id: 'root', state: 'running', committed_ms: 1_002, ...BY_API },
    { seq: 2, id: 'ti-0', task_id: 'root', state: 'success', committed_ms: 2_002, ...BY_API },
    { seq: 3, state: 'scheduled', committed_ms: 2_500, ...BY_SCHEDULER },
    { seq: 4, state: 'running', committed_ms: 3_002, ...BY_API },
  ],
};
const SETUP = ['operator triggers', 'worker root: run', 'worker root: success', 'worker task: run'];

function finding(invariant: string, variant: string, proofs: { operations?: number[]; commits?: number[] }): Finding {
  const moment = {
    ...{ at_ms: 5_000, subject: 'wt_dag/run1/task', variant, severity: 1, sentence: 'It broke.', invariant },
    ...{ operations: [], commits: [], ...proofs },
  };
  return {
    ...{ id: 'F1', fingerprint: '0123abcd', title: 'It broke: often', root: { invariant, variant }, invariants: [] },
    ...{ known_race: null, occurrences: 1, violations: 1, first: moment, worst: moment, last: moment },
    ...{ timeline: null, contrast: null, faults: [], left_out: null },
  };
}

async function drafts(run: LiteralRun, broken: Finding) {
  return withLiteralRun(run, async (open) => {
    const [deadlock] = await readDeadlocks(open);
    return draftsOf(await sliceOf(open, broken, deadlock)).map(({ file }) => file);
  });
}

test('of two writes of one row at once both are held before the statement that one could not carry out', async () => {
  const row = { relation: 'rendered_task_instance_fields', mode: 'insert', ...OF_TASK };
  const twice = { kind: 'rtif', sent_ms: 4_000, ended_ms: 4_100 } as const;
  const run: LiteralRun = {
    ...BEGUN,
    operations: [
      ...(BEGUN.operations ?? []),
      { op: 4, ...twice },
      { op: 5, ...twice, outcome: 'refused', status: 409 },
    ],
    statements: [
      { n: 1, ...API, pid: 7, tx: 1, kind: 1, sent_ms: 4_010, answered_ms: 4_050, row_count: 1 },
      { n: 2, ...API, pid: 8, tx: 1, kind: 1, sent_ms: 4_011, answered_ms: 4_090, sqlstate: '23505' },
    ],
    accesses: [1, 2].map((n) => ({ n, ...row })),
  };
  const [only, ...others] = await drafts(run, finding('rtif-last-writer-wins', 'two at once', { operations: [5, 4] }));
  expect(others).toEqual([]);
  expect(only?.dag).toEqual({ root: null, task: { after: ['root'], retries: 1 } });
  expect(only?.breaks).toEqual({ 'rtif-last-writer-wins': 'two at once' });
  expect(only?.script).toEqual([
    ...SETUP,
    'hold api-execution before insert rendered fields of task as one',
    'worker task: fields a &',
    'one is reached within 20s',
    'hold api-execution before insert rendered fields of task as two',
    'worker task: fields b &',
    'two is reached within 20s',
    'release one and two together',
    'worker task is answered',
  ]);
});

test('of a deadlock each side is held before the lock that it could not get, the scheduler first', async () => {
  const patch = "SELECT task_instance.id FROM task_instance WHERE task_instance.id = 'ti-1' FOR UPDATE";
  const update = "UPDATE task_instance SET dag_version_id='019a' WHERE dag_id = 'wt_dag' AND run_id = 'run1'";
  const run: LiteralRun = {
    ...BEGUN,
    operations: [
      ...(BEGUN.operations ?? []),
      { op: 4, kind: 'state', requested: 'success', sent_ms: 4_600, ended_ms: 5_005, outcome: 'unknown', status: 500 },
    ],
    statements: [
      { n: 1, ...API, pid: 7, tx: 1, kind: 2, sent_ms: 4_650, answered_ms: 4_651 },
      { n: 2, ...SCHEDULER, tx: 9, kind: 3, sent_ms: 4_660, answered_ms: 5_002, text: update },
      { n: 3, ...API, pid: 7, tx: 1, place: 2, kind: 2, sent_ms: 4_700, answered_ms: 5_001, sqlstate: '40P01' },
    ],
    accesses: [
      ...[1, 3].map((n) => ({ n, mode: 'lock', relation: 'task_instance', id: 'ti-1' })),
      { n: 2, mode: 'write', relation: 'task_instance', dag_id: 'wt_dag', run_id: 'run1' },
    ],
    backends: [
      { at_ms: 0, pid: 7, application_name: 'wt-api-execution-1' },
      { at_ms: 0, pid: 5, application_name: 'wt-scheduler-1' },
    ],
    server_log: [
      {
        ...{ at_ms: 5_000, source: 'postgres', pid: 7, application_name: 'wt-api-execution-1', sqlstate: '40P01' },
        ...{ message: 'deadlock detected', statement: patch, xid: 901 },
        detail:
          'Process 7 waits for ShareLock on transaction 900; blocked by process 5.\n' +
          'Process 5 waits for ShareLock on transaction 901; blocked by process 7.\n' +
          `Process 7: ${patch}\nProcess 5: ${update}`,
      },
    ],
  };
  const [only] = await drafts(run, finding('no-deadlocks', 'a × b', { operations: [4] }));
  expect(only?.script).toEqual([
    ...SETUP,
    'hold scheduler before write task_instance(dag_version_id) of r as one',
    'operator revises',
    'one is reached within 20s',
    'hold api-execution before 2nd lock task_instance of task as two',
    'worker task: success &',
    'two is reached within 20s',
    'release one and two together',
    'worker task is answered',
  ]);
});

test('what acts on an older read is held after it, or before its write, while the newer change is made', async () => {
  const failed = "UPDATE task_instance SET state='up_for_retry', updated_at='2026' WHERE task_instance.id = 'ti-1'";
  const run: LiteralRun = {
    ...BEGUN,
    operations: [...(BEGUN.operations ?? []), { op: 4, kind: 'heartbeat', sent_ms: 4_500 }],
    commits: [
      ...(BEGUN.commits ?? []),
      {
        ...{ seq: 5, state: 'running', committed_ms: 4_502, ...BY_API },
        statement: "UPDATE task_instance SET last_heartbeat_at='2026' WHERE id = 'ti-1'",
      },
      { seq: 6, state: 'up_for_retry', committed_ms: 4_900, ...BY_SCHEDULER, statement: failed },
    ],
    statements: [
      { n: 1, ...SCHEDULER, tx: 1, kind: 4, sent_ms: 4_000, answered_ms: 4_001, row_count: 1 },
      { n: 2, ...SCHEDULER, tx: 2, kind: 5, sent_ms: 4_890, answered_ms: 4_891, text: failed },
    ],
    accesses: [
      { n: 1, mode: 'read', relation: 'task_instance', id: TASK.ti_id },
      { n: 2, mode: 'write', relation: 'task_instance', id: TASK.ti_id },
    ],
  };
  const broken = finding('running-is-not-overwritten', 'stale heartbeat timeout', { operations: [4], commits: [6] });
  const [inOrder, before, after] = await drafts(run, broken);
  expect(inOrder?.script.join('\n')).not.toContain('hold');
  const rest = ['decision is reached within 20s', 'worker task: beat', 'release decision'];
  const end = 'scheduler passes commit having write task_instance(up_for_retry) of task within 20s';
  expect(before?.stack).toEqual({ heartbeat_timeout_s: 3 });
  expect(before?.script).toEqual([
    ...SETUP,
    'hold scheduler before write task_instance(up_for_retry) of task as decision',
    ...rest,
    end,
  ]);
  expect(after?.script).toEqual([
    ...SETUP,
    'hold scheduler after read task_instance(last_heartbeat_at) of task as decision',
    ...rest,
    end,
  ]);
});

test('a violation without a DAG, or without a traced statement, has no script, and it says at which step', async () => {
  const of = (proofs: Parameters<typeof finding>[2]) => drafts(BEGUN, finding('processes-stay-alive', 'x', proofs));
  await expect(of({})).rejects.toThrow(new NoScript('slice: the violation names no DAG'));
  await expect(of({ operations: [2] })).rejects.toThrow(/^slice: no statement of the trace made/);
});

test('a file that is written says the same again when it is read', async () => {
  const { readScript } = await import('../director/script.ts');
  const folder = new URL('../races/', import.meta.url).pathname;
  const names = shippedRaces();
  expect(names.length).toBeGreaterThan(10);
  for (const name of names) {
    const { race, steps } = readScript(`${folder}${name}.race.yaml`);
    const script = steps.map(({ text }) => text);
    const again = parseScript('again.race.yaml', raceText({ ...race, script }, ['a comment']));
    expect({ ...again.race, script: again.steps.map(({ text }) => text) }, name).toEqual({ ...race, script });
  }
});
