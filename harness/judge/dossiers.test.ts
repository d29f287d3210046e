import { expect, test } from 'vitest';
import { withLiteralRun } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';
import { readDeadlocks } from './dossiers.ts';

const TI = '019aa3c4-0c75-7b1c-a3f1-6f0e3a1f6c11';
const TASK = { dag_id: 'wt_storm_1', run_id: 'manual__1', task_id: 'leaf', map_index: -1 };
const PATCH = `SELECT task_instance.id FROM task_instance JOIN dag_run AS dag_run_1 ON true
WHERE task_instance.id = '${TI}'::UUID FOR UPDATE`;
const UPDATE =
  "UPDATE task_instance SET updated_at='2026-11-21', dag_version_id='019a' WHERE task_instance.dag_id = 'wt_storm_1' " +
  "AND task_instance.run_id = 'manual__1' AND task_instance.state IN ('running', 'queued')";

function report(patch: string, update: string) {
  return {
    at_ms: 10_000,
    source: 'postgres',
    pid: 41,
    application_name: 'wt-api-execution-1',
    xid: 901,
    sqlstate: '40P01',
    message: 'deadlock detected',
    detail:
      'Process 41 waits for ShareLock on transaction 900; blocked by process 42.\n' +
      'Process 42 waits for ShareLock on transaction 901; blocked by process 41.\n' +
      `Process 41: ${patch}\nProcess 42: ${update}`,
    statement: patch,
    context: 'while locking tuple (3,14) in relation "dag_run"',
  };
}

const BACKENDS = [{ at_ms: 0, pid: 42, application_name: 'wt-scheduler-1' }];
const REPORT = { kind: 'state', requested: 'success', ...TASK, ti_id: TI, sent_ms: 9_000 } as const;
const FAILED = { ...REPORT, op: 1, outcome: 'unknown', status: 500, ended_ms: 10_020 } as const;
const AGAIN = { ...REPORT, op: 2, attempt: 2, sent_ms: 11_500, ended_ms: 11_540, status: 204 } as const;
const API = { writer: 'wt-api-execution-1' };
const COMMITS = [
  { seq: 1, xid: 800, id: TI, ...TASK, state: 'running', committed_ms: 2_000, row: { hostname: 'w-1' }, ...API },
  { seq: 2, xid: 900, id: TI, ...TASK, state: 'running', committed_ms: 10_010, writer: 'wt-scheduler-1' },
  { seq: 3, xid: 903, id: TI, ...TASK, state: 'success', committed_ms: 11_530, ...API },
];
const RUN: LiteralRun = {
  operations: [FAILED, AGAIN],
  commits: COMMITS,
  server_log: [report(PATCH, UPDATE)],
  backends: BACKENDS,
};
const read = async (run: LiteralRun) => (await withLiteralRun(run, readDeadlocks))[0];

test('a dossier names who did what for which task, who waited for whom, and what came of the request', async () => {
  const found = await read(RUN);
  expect(found).toMatchObject({ explained: true, operation: 1, died_ms: null });
  expect(found?.sides).toMatchObject([
    {
      process: 'wt-api-execution-1',
      action: 'carries out an end report (state PATCH)',
      subject: 'wt_storm_1/manual__1/leaf',
      operation: 1,
      xid: 901,
      waits_for: 'dag_run wt_storm_1/manual__1',
      blocked_by: 42,
    },
    {
      process: 'wt-scheduler-1',
      action: 'gives unfinished tasks the new DAG version',
      subject: 'wt_storm_1/manual__1',
      operation: null,
      xid: 900,
      blocked_by: 41,
    },
  ]);
  expect(found?.outcome).toEqual({
    status: 500,
    answered_ms: 10_020,
    retry_operation: 2,
    retry_ms: 11_500,
    retry_status: 204,
    state: 'success',
    state_ms: 11_530,
    commit: 3,
  });
});

test('without literals the row waited for and the commits of the surviving process show the same', async () => {
  const [patch, update] = [
    'SELECT * FROM task_instance WHERE id = $1 FOR UPDATE',
    'UPDATE task_instance SET dag_version_id = $1',
  ];
  const at_ms = 9_800;
  const lock_waits = [
    {
      ...{ at_ms, pid: 41, waiting_since_ms: 9_700, blocked_by: '42', xact_started_ms: 9_650 },
      ...{ relation: 'dag_run', dag_id: 'wt_storm_1', run_id: 'manual__1' },
    },
    { at_ms, pid: 42, waiting_since_ms: 9_690, blocked_by: '41', relation: 'task_instance', ...TASK },
  ];
  // Another request failed at that moment: alone, neither could be named.
  const beside = { ...FAILED, op: 3, ti_id: 'ti-9', task_id: 'other' } as const;
  const run = { ...RUN, operations: [FAILED, AGAIN, beside], server_log: [report(patch, update)], lock_waits };
  const found = await read(run);
  expect(found).toMatchObject({ explained: true, operation: 1, outcome: { status: 500, state: 'success' } });
  expect(found?.sides).toMatchObject([
    {
      subject: 'wt_storm_1/manual__1/leaf',
      operation: 1,
      waits_for: 'dag_run wt_storm_1/manual__1',
      xact_started_ms: 9_650,
      waited_from_ms: 9_700,
    },
    { subject: 'wt_storm_1/manual__1', waits_for: 'task_instance wt_storm_1/manual__1/leaf', waited_from_ms: 9_690 },
  ]);
  const dark = await read({ ...run, lock_waits: [], commits: [] });
  expect(dark).toMatchObject({ explained: false, outcome: null });
});

test('two schedulers are named by their actions, and so is one that dies of it', async () => {
  const [ready, examined] = [
    `UPDATE task_instance SET state='scheduled', try_number=1, scheduled_dttm='2026' ` +
      `WHERE task_instance.id IN ('${TI}'::UUID)`,
    'UPDATE dag_run SET last_scheduling_decision=now() WHERE dag_run.id = 7;UPDATE dag_run SET x=1 WHERE dag_run.id ' +
      '= 8',
  ];
  const died = { at_ms: 10_500, source: 'scheduler-2', severity: 'FATAL', message: 'scheduler-2 ended' };
  const run = { relation: 'dag_run', change: 'insert', id: '7', dag_id: 'wt_a', run_id: 'r7', committed_ms: 1_000 };
  const found = await read({
    commits: [...COMMITS, { seq: 9, ...run }],
    server_log: [{ ...report(ready, examined), application_name: 'wt-scheduler-2' }, died],
    backends: BACKENDS,
  });
  expect(found).toMatchObject({ explained: true, operation: null, outcome: null, died_ms: 10_500 });
  expect(found?.sides).toMatchObject([
    { process: 'wt-scheduler-2', action: 'sets ready tasks to SCHEDULED', subject: 'wt_storm_1/manual__1' },
    { process: 'wt-scheduler-1', action: 'notes that it has examined a run', subject: 'wt_a/r7' },
  ]);
});

test('deadlocks of one kind share a fingerprint, however many rows and literals their statements have', async () => {
  const one = report(PATCH, UPDATE);
  const other = report(PATCH.replace('019aa3c4', '019bb3c4'), UPDATE.replace("'running', 'queued'", "'running'"));
  const run = { server_log: [one, { ...other, at_ms: 20_000 }], backends: BACKENDS };
  const found = await withLiteralRun(run, readDeadlocks);
  expect(new Set(found.map(({ fingerprint }) => fingerprint)).size).toBe(1);
});

test('of a kind five hundred are listed, and the last of them says how many more there were', async () => {
  const server_log = Array.from({ length: 503 }, (_, i) => ({ ...report(PATCH, UPDATE), at_ms: 10_000 + i }));
  const found = await withLiteralRun({ ...RUN, server_log }, readDeadlocks);
  expect(found).toHaveLength(500);
  expect(found.map(({ left_out }) => left_out)).toEqual([...Array.from({ length: 499 }, () => 0), 3]);
  expect(found.every(({ sides }) => sides.length === 2)).toBe(true);
});
