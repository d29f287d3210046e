import { expect, test } from 'vitest';

import type { Operation } from '../model/operation.ts';
import { withLiteralRun } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

/** `[class, cause_op, cause_commit]` of the one request that is asked about: the one with op 50. */
const classOf = (run: LiteralRun) =>
  withLiteralRun(run, async (open) => {
    const row = await open.row('SELECT class, cause_op, cause_commit FROM refusal_classes WHERE op = 50');
    return [row.class, row.cause_op, row.cause_commit];
  });

const REFUSED = { op: 50, outcome: 'refused', status: 409, sent_ms: 5_000, ended_ms: 5_050 } as const;
const NOT_RUNNING = { ...REFUSED, reason: 'not_running', found_state: 'failed' } as const;
const END = { ...REFUSED, kind: 'state', requested: 'success', reason: 'invalid_state', attempt: 2 } as const;
const GONE = { ...REFUSED, status: 404, reason: 'not_found' } as const;
const CORE = { writer: 'wt-api-core-1' };
const EXECUTION = { writer: 'wt-api-execution-1', statement: 'UPDATE task_instance SET end_date=now(), state=…' };
const OPERATOR = { actor: 'operator', dag_id: 'wt_dag', run_id: 'run1', task_id: 'task' } as const;
/** The task is queued, and started by the worker w-1 with operation 1. */
const STARTED = [
  { seq: 1, change: 'insert', state: null, committed_ms: 100, ...CORE },
  { seq: 2, state: 'queued', committed_ms: 800, writer: 'wt-scheduler-1' },
  { seq: 3, state: 'running', committed_ms: 1_003, row: { hostname: 'w-1' }, ...EXECUTION },
] as const;
const START = { kind: 'run', requested: 'running', sent_ms: 1_000, ended_ms: 1_010 } as const;
const then = (change: object) => [...STARTED, { seq: 4, committed_ms: 3_000, row: { hostname: 'w-1' }, ...change }];
/** Of a real worker. */
const LOOK = { ...GONE, kind: 'other', target: 'GET xcoms' } as const;
const about = (refused: Partial<Operation>, commits: LiteralRun['commits'], ...others: Partial<Operation>[]) =>
  classOf({ operations: [START, ...others, refused], commits: commits ?? [] });

test('what an operator or another worker had done before is a legitimate cause, and is named', async () => {
  const mark = { ...OPERATOR, kind: 'mark', requested: 'failed', sent_ms: 2_990, ended_ms: 3_010 } as const;
  expect(await about(NOT_RUNNING, then({ state: 'failed', ...CORE }), mark)).toEqual(['legitimate', 2, 4]);
  const impostor = {
    ...REFUSED,
    kind: 'impostor_heartbeat',
    worker: 'w-1-impostor',
    reason: 'running_elsewhere',
  } as const;
  expect(await about(impostor, [...STARTED])).toEqual(['legitimate', 1, 3]);
});

const OVERWRITTEN = 'violation of running-is-not-overwritten';
const SKIP = {
  kind: 'skip_downstream',
  life: 2,
  worker: 'w-2',
  ti_id: 'ti-9',
  task_id: 'pick',
  target: 'task',
  sent_ms: 2_990,
} as const;

test('a heartbeat or end report refused because its running task was overwritten is not legitimate', async () => {
  const skipped = then({ state: 'skipped', ...EXECUTION });
  const heartbeat = { ...NOT_RUNNING, found_state: 'skipped' } as const;
  expect(await about(heartbeat, skipped, SKIP)).toEqual([OVERWRITTEN, 2, 4]);
  const report = { ...END, attempt: 1, found_state: 'skipped' } as const;
  expect(await about(report, skipped, SKIP)).toEqual([OVERWRITTEN, 2, 4]);
  // By a scheduler that evaluated its trigger rule again, or took it for stuck in QUEUED.
  const failed = then({ state: 'upstream_failed', writer: 'wt-scheduler-2' });
  expect(await about({ ...NOT_RUNNING, found_state: 'upstream_failed' }, failed)).toEqual([OVERWRITTEN, null, 4]);
  const scheduled = then({ state: 'scheduled', writer: 'wt-scheduler-2' });
  expect(await about({ ...NOT_RUNNING, found_state: 'scheduled' }, scheduled)).toEqual([OVERWRITTEN, null, 4]);
  // What the overwrite led to.
  const queued = [...scheduled, { seq: 5, state: 'queued', committed_ms: 4_000, writer: 'wt-scheduler-1' }];
  expect(await about({ ...NOT_RUNNING, found_state: 'queued' }, queued)).toEqual([OVERWRITTEN, null, 5]);
  const again = { ...START, op: 40, life: 3, worker: 'w-3', sent_ms: 4_490, ended_ms: 4_510 } as const;
  const taken = [...queued, { seq: 6, state: 'running', committed_ms: 4_500, row: { hostname: 'w-3' }, ...EXECUTION }];
  const elsewhere = { ...REFUSED, kind: 'heartbeat', reason: 'running_elsewhere' } as const;
  expect(await about(elsewhere, taken, again)).toEqual([OVERWRITTEN, 40, 6]);
});

test('a refusal after an overwrite is not the overwrite’s where something else explains it', async () => {
  const skipped = then({ state: 'skipped', ...EXECUTION });
  // The skip came while the task was not running.
  const before = [STARTED[0], STARTED[1], { seq: 3, state: 'skipped', committed_ms: 3_000, ...EXECUTION }];
  const start = {
    ...REFUSED,
    kind: 'run',
    requested: 'running',
    reason: 'invalid_state',
    found_state: 'skipped',
  } as const;
  expect(await classOf({ operations: [SKIP, start], commits: before })).toEqual(['legitimate', 1, 3]);
  // An operator cleared it since.
  const cleared = [
    ...skipped,
    { seq: 5, id: 'ti-2', old_id: 'ti-1', state: null, committed_ms: 4_000, row: {}, ...CORE },
  ];
  const clear = { ...OPERATOR, op: 60, kind: 'clear', sent_ms: 3_990, ended_ms: 4_010 } as const;
  expect(await about({ ...GONE, status: 410 }, cleared, SKIP, clear)).toEqual(['late update', 60, 5]);
  // Another worker's token: it has no right to the task, whatever became of it.
  const impostor = {
    ...NOT_RUNNING,
    kind: 'impostor_heartbeat',
    worker: 'w-1-impostor',
    found_state: 'skipped',
  } as const;
  expect(await about(impostor, skipped, SKIP)).toEqual(['legitimate', 2, 4]);
  // The k6 process died with the record of a worker of this DAG run: what it did is not known.
  const lost = { operations: [START, SKIP, { ...NOT_RUNNING, found_state: 'skipped' } as const], commits: skipped };
  const lives = [{ life: 9, ti_id: 'ti-9', task_id: 'pick', end: 'lost' }] as const;
  expect(await classOf({ ...lost, lives })).toEqual(['legitimate', 2, 4]);
});

test('a start that was refused because the task was taken out of QUEUED is no late update', async () => {
  const start = {
    ...REFUSED,
    kind: 'run',
    requested: 'running',
    reason: 'invalid_state',
    found_state: 'scheduled',
  } as const;
  const queued = [STARTED[0], { ...STARTED[1], committed_ms: 4_000 }];
  const taken = [...queued, { seq: 3, state: 'scheduled', committed_ms: 4_900, writer: 'wt-scheduler-2' }];
  const lives = [{ life: 1, handed_ms: 4_100, started_ms: null, end: 'refused' }] as const;
  expect(await classOf({ operations: [start], commits: taken, lives })).toEqual([
    'violation of handed-off-can-start',
    null,
    3,
  ]);
});

test('a life that a scheduler had failed, or with a superseded or cleared try, is late', async () => {
  // The heartbeat time-out is 20 s.
  const given = then({ state: 'failed', committed_ms: 22_000, writer: 'wt-scheduler-1' });
  const late = { ...NOT_RUNNING, sent_ms: 25_000, ended_ms: 25_050 } as const;
  expect(await about(late, given)).toEqual(['late update', null, 4]);
  const cleared = then({ id: 'ti-2', old_id: 'ti-1', state: 'restarting', ...CORE });
  const clear = {
    actor: 'operator',
    kind: 'clear',
    dag_id: 'wt_dag',
    run_id: 'run1',
    task_id: 'task',
    sent_ms: 2_990,
  } as const;
  expect(await about(GONE, cleared, clear)).toEqual(['late update', 2, 4]);
  expect(await about({ ...GONE, status: 410, kind: 'rtif' }, cleared)).toEqual(['late update', null, 4]);
  const deleted = [
    ...STARTED,
    { seq: 4, change: 'delete', dag_id: null, run_id: null, task_id: null, committed_ms: 3_000, ...CORE },
  ];
  expect(await about(GONE, deleted)).toEqual(['late update', null, 4]);
});

test('a request that is sent again after its first sending was carried out is the retry of a lost answer', async () => {
  const first = { ...START, kind: 'state', requested: 'success', outcome: 'unknown', cause: 'answer-dropped' } as const;
  const sent = { ...first, sent_ms: 2_990, ended_ms: 3_010 };
  const ended = then({ state: 'success', ...EXECUTION });
  expect(await about({ ...END, found_state: 'success' }, ended, sent)).toEqual(['retry of a lost answer', 2, 4]);
  // A report of another try gives the row a new id, under which the old one is not found.
  const retry = { ...GONE, kind: 'state', requested: 'up_for_retry', attempt: 2 } as const;
  const moved = [
    ...then({ xid: 900, state: 'up_for_retry', ...EXECUTION }),
    { seq: 5, xid: 900, id: 'ti-2', old_id: 'ti-1', state: 'up_for_retry', committed_ms: 3_000, ...EXECUTION },
  ];
  expect(await about(retry, moved, { ...sent, requested: 'up_for_retry' })).toEqual(['retry of a lost answer', 2, 4]);
  // Carried out long ago, and the task has gone on since.
  const on = [...ended, { seq: 5, state: 'queued', committed_ms: 4_000, writer: 'wt-scheduler-1' }];
  expect(await about({ ...END, found_state: 'queued' }, on, sent)).toEqual(['retry of a lost answer', 2, 4]);
});

test('of two writes of rendered fields at once, the second finds the row of the first', async () => {
  const key = { dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, ...EXECUTION };
  const row = { rendered_fields: { bash_command: 'echo life 1 write 1' } };
  const written = {
    ...key,
    seq: 4,
    relation: 'rendered_task_instance_fields',
    change: 'insert',
    committed_ms: 4_990,
    row,
  };
  const write = {
    kind: 'rtif',
    requested: '{"bash_command":"echo life 1 write 1"}',
    duplicate_of: 2,
    sent_ms: 4_980,
  } as const;
  const refused = {
    ...REFUSED,
    kind: 'rtif',
    requested: '{"bash_command":"echo life 1 write 2"}',
    duplicate_of: 2,
  } as const;
  expect(await about(refused, [...STARTED, written], write)).toEqual(['retry of a lost answer', 2, 4]);
  // Of two that were under way at once neither is the retry of the other, whichever worker sent it; of a retry it is.
  const beside = { ...write, ended_ms: 5_020 };
  expect(await about(refused, [...STARTED, written], beside)).toEqual(['two at once', 2, 4]);
  const others = { ...beside, op: 3, life: 3, worker: 'w-3', ti_id: 'ti-2' };
  expect(await about(refused, [...STARTED, written], others)).toEqual(['two at once', 3, 4]);
  const again = { ...refused, attempt: 2 };
  expect(await about(again, [...STARTED, written], beside)).toEqual(['retry of a lost answer', 2, 4]);
  expect(await about({ ...refused, life: 3, worker: 'w-3' }, [...STARTED, written], write)).toEqual([
    'legitimate',
    2,
    4,
  ]);
});

test('a task that was handed to two lives is started by one, and refused to the other as delivered twice', async () => {
  const refused = { ...REFUSED, kind: 'run', requested: 'running', reason: 'invalid_state' } as const;
  const other = { life: 2, worker: 'w-2' };
  expect(await about({ ...refused, ...other, found_state: 'running' }, [...STARTED])).toEqual([
    'duplicate delivery',
    1,
    3,
  ]);
});

test('a refusal without a cause in a whole record is wrong, and one outside the record is unclassified', async () => {
  const later = { seq: 9, relation: 'dag_run', change: 'insert', id: '9', dag_id: 'wt_x', committed_ms: 69_000 };
  expect(await about(NOT_RUNNING, [...STARTED, later])).toEqual(['wrong', null, null]);
  expect(await about(GONE, [...STARTED, later])).toEqual(['wrong', null, null]);
  expect(await about({ ...END, found_state: 'running' }, [...STARTED, later])).toEqual(['wrong', null, null]);
  // The task was never seen.
  expect(await about(NOT_RUNNING, [later])).toEqual(['unclassified', null, null]);
  // The harness was killed, and the commits end before the answer.
  const killed = { operations: [START, NOT_RUNNING], commits: [...STARTED], manifest: { ended: null } };
  expect(await classOf(killed)).toEqual(['unclassified', null, null]);
  // What came after the answer is no cause of it.
  const after = then({ state: 'failed', committed_ms: 9_000, ...CORE });
  expect(await about(NOT_RUNNING, [...after, later])).toEqual(['wrong', null, null]);
});

test("operators' refusals: a backfill that was active, a run or a try that was made in that moment", async () => {
  const operator = { ...REFUSED, actor: 'operator', dag_id: 'wt_dag' } as const;
  const backfill = {
    seq: 4,
    relation: 'backfill',
    change: 'insert',
    id: '1',
    dag_id: 'wt_dag',
    committed_ms: 3_000,
    ...CORE,
  };
  expect(await about({ ...operator, kind: 'backfill' }, [...STARTED, backfill])).toEqual(['legitimate', null, 4]);
  const over = { ...backfill, seq: 5, change: 'update', committed_ms: 4_000, row: { completed_at: '2026-11-21' } };
  expect(await about({ ...operator, kind: 'backfill' }, [...STARTED, backfill, over])).toEqual(['wrong', null, null]);
  const clear = { ...operator, kind: 'clear', run_id: 'run1', task_id: 'task' } as const;
  const ended = then({ state: 'up_for_retry', id: 'ti-2', old_id: 'ti-1', committed_ms: 5_020, ...EXECUTION });
  expect(await about(clear, ended)).toEqual(['legitimate', null, 4]);
});

test('of two marks that archive one later task at once, the second was beaten by the first', async () => {
  const mark = {
    ...REFUSED,
    ...OPERATOR,
    kind: 'mark',
    requested: 'failed',
    reason: 'Unique constraint violation',
  } as const;
  const first = {
    ...OPERATOR,
    op: 60,
    kind: 'mark',
    task_id: 'other',
    requested: 'skipped',
    sent_ms: 4_900,
  } as const;
  const done = { task_id: 'other', state: 'skipped', xid: 900, committed_ms: 5_010, ...CORE };
  const later = { task_id: 'join', id: 'ti-j2', old_id: 'ti-j', state: null, xid: 900, committed_ms: 5_010, ...CORE };
  const run = {
    operations: [{ ...first, ended_ms: 5_015, status: 200 }, mark],
    commits: [
      ...STARTED,
      { seq: 4, task_id: 'other', state: null, ...CORE, committed_ms: 900 },
      { seq: 5, ...done },
      { seq: 6, ...later },
    ],
  };
  const server_log = [
    { at_ms: 5_030, source: 'postgres', sqlstate: '23505', detail: 'Key (task_instance_id)=(ti-j) already exists.' },
  ];
  expect(await classOf({ ...run, server_log })).toEqual(['legitimate', 60, 6]);
  expect(await classOf(run)).toEqual(['wrong', null, null]);
});

test('a 5xx is a deadlock, a fault, a restart, an overload, or wrong', async () => {
  const failed = { op: 50, kind: 'state', outcome: 'unknown', status: 500, sent_ms: 5_000, ended_ms: 5_500 } as const;
  const base = { operations: [failed], commits: [...STARTED] };
  const log = (row: object) => classOf({ ...base, server_log: [{ at_ms: 5_400, source: 'postgres', pid: 7, ...row }] });
  expect(await log({ sqlstate: '40P01', statement: "… WHERE id = 'ti-1'" })).toEqual(['deadlock', null, null]);
  expect(await log({ sqlstate: '57P01', message: 'terminating connection' })).toEqual(['restart', null, null]);
  expect(await log({ source: 'api-execution-1', severity: 'FATAL', message: 'it ended' })).toEqual([
    'restart',
    null,
    null,
  ]);
  expect(await log({ sqlstate: '53300', message: 'too many clients' })).toEqual(['overload', null, null]);
  expect(await classOf(base)).toEqual(['wrong', null, null]);
  const fault = { window: 1, fault: 'cut-connection', victim: 'api-execution-1', opened_ms: 4_000, closed_ms: 5_100 };
  expect(await classOf({ ...base, faults: [fault] })).toEqual(['fault', null, null]);
  expect(await classOf({ ...base, faults: [{ ...fault, opened_ms: 9_000, closed_ms: 9_100 }] })).toEqual([
    'wrong',
    null,
    null,
  ]);
});

test('tokens and what was not understood are classes of their own', async () => {
  expect(await about({ ...REFUSED, status: 403 }, [...STARTED])).toEqual(['token', null, null]);
  expect(await about({ ...REFUSED, status: 422 }, [...STARTED])).toEqual(['not understood', null, null]);
});

test('a running DAG run cannot be deleted, and one that was deleted is gone for every later request', async () => {
  const whole = { actor: 'operator', dag_id: 'wt_dag', run_id: 'run1', task_id: null, ti_id: null } as const;
  const run = { relation: 'dag_run', id: '7', dag_id: 'wt_dag', run_id: 'run1' } as const;
  const running = [
    { ...run, change: 'insert', state: 'queued', committed_ms: 100, ...CORE },
    { ...run, state: 'running', committed_ms: 900, writer: 'wt-scheduler-1' },
  ];
  const refused = { ...REFUSED, ...whole, kind: 'delete', life: null } as const;
  expect(await about(refused, running)).toEqual(['legitimate', null, 2]);
  // It had ended: then it could have been.
  const ended = [...running, { ...run, state: 'failed', committed_ms: 2_000, writer: 'wt-scheduler-1' }];
  expect(await about(refused, ended)).toEqual(['wrong', null, null]);
  const deletion = { ...whole, kind: 'delete', life: null, sent_ms: 2_980, ended_ms: 3_010 } as const;
  const deleted = [...running, { relation: 'dag_run', id: '7', change: 'delete', committed_ms: 3_000, ...CORE }];
  for (const kind of ['delete', 'mark', 'bulk'] as const) {
    expect(await about({ ...refused, kind, status: 404 }, deleted, deletion)).toEqual(['legitimate', 2, 3]);
    expect(await about({ ...refused, kind, status: 404 }, running)).toEqual(['wrong', null, null]);
  }
});

test('a real worker that looks for what is not there is refused rightly', async () => {
  expect(await classOf({ operations: [START, LOOK], commits: [...STARTED] })).toEqual(['legitimate', null, null]);
});
