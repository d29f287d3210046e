import { expect, test } from 'vitest';

import { withLiteralRun } from '../testing/judge-literal.ts';
import type { LiteralRun } from '../testing/literal-run.ts';

const settled = (run: LiteralRun) =>
  withLiteralRun(run, (open) => open.rows('SELECT op, settled, seq FROM settled ORDER BY op'));

const API = { writer: 'wt-api-execution-1', statement: 'UPDATE task_instance SET end_date=now(), state=…' };
const BEAT = { writer: 'wt-api-execution-1', statement: "UPDATE task_instance SET last_heartbeat_at='…' WHERE id = …" };
const RUNNING = { seq: 1, state: 'running', committed_ms: 500, row: { hostname: 'w-1', pid: 1 }, writer: API.writer };
const LOST = { outcome: 'unknown', cause: 'UND_ERR_HEADERS_TIMEOUT', sent_ms: 1_000, ended_ms: 6_000 } as const;
const QUIESCENT = { at_ms: 69_000, source: 'postgres', metric: 'api_quiescent', value: 1 };
const END = { seq: 99, relation: 'dag_run', change: 'insert', id: '9', dag_id: 'wt_other', committed_ms: 69_500 };

test('a report without an answer took effect if its state was committed, however late', async () => {
  const report = { ...LOST, kind: 'state', requested: 'success' } as const;
  expect(
    await settled({
      operations: [report, { ...report, attempt: 2, sent_ms: 8_000, ended_ms: 13_000 }],
      commits: [RUNNING, { seq: 2, state: 'success', committed_ms: 12_000, ...API }],
      samples: [QUIESCENT],
    }),
  ).toEqual([
    { op: 1, settled: 'took effect', seq: 2 },
    { op: 2, settled: 'did not', seq: null },
  ]);
});

test('a state that another process gave the task proves nothing', async () => {
  for (const writer of ['wt-scheduler-1', 'wt-api-core-1']) {
    const rows = await settled({
      operations: [{ ...LOST, kind: 'state', requested: 'failed' }],
      commits: [RUNNING, { seq: 2, state: 'failed', committed_ms: 3_000, writer }],
      samples: [QUIESCENT],
    });
    expect(rows).toEqual([{ op: 1, settled: 'did not', seq: null }]);
  }
});

test('a start is known by its host, and another host that started the task is another start', async () => {
  const start = { ...LOST, kind: 'run', requested: 'running' } as const;
  const run = (hostname: string): LiteralRun => ({
    operations: [start],
    commits: [
      { seq: 1, state: 'queued', committed_ms: 0, writer: 'wt-scheduler-1' },
      { ...RUNNING, seq: 2, committed_ms: 7_000, row: { hostname, pid: 1 } },
    ],
    samples: [QUIESCENT],
  });
  expect(await settled(run('w-1'))).toEqual([{ op: 1, settled: 'took effect', seq: 2 }]);
  expect(await settled(run('w-2'))).toEqual([{ op: 1, settled: 'did not', seq: null }]);
});

test('a heartbeat changes no recorded column: its row proves it, and no row proves two', async () => {
  const beat = { seq: 2, state: 'running', row: { hostname: 'w-1' }, committed_ms: 1_500, ...BEAT };
  const run = (commits: LiteralRun['commits']): LiteralRun => ({
    operations: [LOST, { sent_ms: 6_500, ended_ms: 6_600 }],
    commits: [RUNNING, ...(commits ?? [])],
    samples: [QUIESCENT],
  });
  expect(await settled(run([beat, { ...beat, seq: 3, committed_ms: 6_550 }]))).toEqual([
    { op: 1, settled: 'took effect', seq: 2 },
  ]);
  expect(await settled(run([{ ...beat, committed_ms: 6_550 }]))).toEqual([{ op: 1, settled: 'did not', seq: null }]);
});

test('rendered fields and XComs are known by their value, skipped tasks by their names', async () => {
  const task = { dag_id: 'wt_dag', run_id: 'run1', task_id: 'task', map_index: -1, committed_ms: 2_000, ...API };
  const rows = await settled({
    operations: [
      { ...LOST, kind: 'rtif', requested: '{"bash_command":"echo life 1 write 1"}' },
      { ...LOST, kind: 'rtif', requested: '{"bash_command":"echo life 1 write 2"}' },
      { ...LOST, kind: 'xcom_push', target: 'return_value', requested: 'life 1' },
      { ...LOST, kind: 'xcom_push', target: 'return_value', requested: 'life 12' },
      { ...LOST, kind: 'skip_downstream', target: 'left right' },
    ],
    commits: [
      {
        ...task,
        seq: 1,
        relation: 'rendered_task_instance_fields',
        change: 'insert',
        row: { rendered_fields: { bash_command: 'echo life 1 write 2' } },
      },
      { ...task, seq: 2, relation: 'xcom', change: 'insert', row: { key: 'return_value', value: '"life 12"' } },
      { ...task, seq: 3, task_id: 'right', id: 'ti-9', state: 'skipped' },
    ],
    samples: [QUIESCENT],
  });
  expect(rows.map((row) => [row.op, row.settled, row.seq])).toEqual([
    [1, 'did not', null],
    [2, 'took effect', 1],
    [3, 'did not', null],
    [4, 'took effect', 2],
    [5, 'took effect', 3],
  ]);
});

test("operators' actions are known by the rows that the public API wrote", async () => {
  const core = { writer: 'wt-api-core-1', committed_ms: 2_000 };
  const operator = { ...LOST, actor: 'operator', dag_id: 'wt_dag', run_id: 'run1', task_id: 'task' } as const;
  const rows = await settled({
    operations: [
      { ...operator, kind: 'clear' },
      { ...operator, kind: 'mark', requested: 'failed', task_id: 'other' },
      { ...operator, kind: 'trigger', run_id: null, task_id: null },
      { ...operator, kind: 'backfill', run_id: null, task_id: null },
      { ...operator, kind: 'pause', run_id: null, task_id: null },
      { ...operator, kind: 'pool', target: 'default_pool' },
    ],
    commits: [
      { ...RUNNING },
      { seq: 2, id: 'ti-2', old_id: 'ti-1', state: 'restarting', ...core },
      { seq: 3, id: 'ti-9', task_id: 'other', state: 'failed', ...core },
      {
        seq: 4,
        relation: 'dag_run',
        change: 'insert',
        id: '5',
        dag_id: 'wt_dag',
        row: { run_type: 'manual' },
        ...core,
      },
      { seq: 5, relation: 'backfill', change: 'insert', id: '1', dag_id: 'wt_dag', ...core },
    ],
    samples: [QUIESCENT],
    finals: { dag: [{ dag_id: 'wt_dag', is_paused: true }] },
  });
  expect(rows.map((row) => [row.settled, row.seq])).toEqual([
    ['took effect', 2],
    ['took effect', 3],
    ['took effect', 4],
    ['took effect', 5],
    ['took effect', null],
    ['open', null],
  ]);
});

test('what PostgreSQL rolled back to end a deadlock did not take effect', async () => {
  const rows = await settled({
    operations: [
      { kind: 'state', requested: 'success', outcome: 'unknown', status: 500, sent_ms: 1_000, ended_ms: 2_000 },
    ],
    server_log: [
      { at_ms: 1_900, source: 'postgres', sqlstate: '40P01', pid: 7, xid: 900, statement: "… WHERE id = 'ti-1'" },
    ],
  });
  expect(rows).toEqual([{ op: 1, settled: 'did not', seq: null }]);
});

test('a request stays open until the record shows that it was not carried out after its client had gone', async () => {
  const late = { ...LOST, kind: 'state', requested: 'success', sent_ms: 60_000, ended_ms: null } as const;
  expect(await settled({ operations: [late], commits: [RUNNING, END] })).toMatchObject([{ settled: 'open' }]);
  // Long before the end of the record, the bound decides.
  const early = { ...late, sent_ms: 10_000 };
  expect(await settled({ operations: [early], commits: [RUNNING, END] })).toMatchObject([{ settled: 'did not' }]);
  // Quiescent servers have nothing left to do.
  const rested = { operations: [late], commits: [RUNNING, END], samples: [QUIESCENT] };
  expect(await settled(rested)).toMatchObject([{ settled: 'did not' }]);
  // Unless one was held up then, or the record does not reach so far.
  const held = [{ window: 1, fault: 'pause', victim: 'api-execution-1', opened_ms: 50_000, closed_ms: null }];
  expect(await settled({ ...rested, faults: held })).toMatchObject([{ settled: 'open' }]);
  expect(await settled({ ...rested, manifest: { ended: null } })).toMatchObject([{ settled: 'open' }]);
  expect(await settled({ ...rested, commits: [] })).toMatchObject([{ settled: 'open' }]);
});

test('an answered request is over: nothing of it in the record means that it did nothing', async () => {
  const failed = { kind: 'state', requested: 'success', outcome: 'unknown', status: 500, sent_ms: 1_000 } as const;
  expect(await settled({ operations: [failed], commits: [RUNNING, END] })).toMatchObject([{ settled: 'did not' }]);
});
