import { expect, test } from 'vitest';

import { DiscreetRecord } from './discreet-record.ts';
import { deadlockWithoutLiterals, namesOfRun, withoutLiterals } from './without-literals.ts';

const PREFIX = 'wt_a1b2c3_wt_';
const TASKS = new Set(['leaf_1']);
const keep = namesOfRun(PREFIX, TASKS);
const UUID = '019aabcd-1234-7abc-8def-0123456789ab';

const OURS =
  "WHERE run_id = 'manual__2026-11-21T10:00:00+00:00_aB3dE6gH' AND task_id = 'leaf_1' " +
  `AND task_instance.id = '${UUID}'`;

/** The rows that a record of a target keeps of these. */
function kept(table: 'server_log' | 'commits' | 'backends' | 'lock_waits' | 'operations', ...rows: object[]): object[] {
  const found: object[] = [];
  const inner = { append: (_table: string, row: object) => void found.push(row), flush: async () => {}, behindMs: 0 };
  const record = new DiscreetRecord(inner, { database: 'airflow', dagPrefix: PREFIX, taskIds: TASKS });
  for (const row of rows) record.append(table, row);
  return found;
}

test.each([
  ["SELECT 1/0, 'sk_live_x'", "SELECT ?/?, '?'"],
  ["UPDATE t SET password = 'it''s; --secret' WHERE id = 7", "UPDATE t SET password = '?' WHERE id = 7"],
  ["INSERT INTO t VALUES (E'a\\'b', $tag$ sec'ret $tag$, $1, 4111111111111111)", 'INSERT INTO t VALUES (?, ?, $1, ?)'],
  ["SELECT 'cut off in the midd", 'SELECT ?'],
  ['SELECT a /* token=abc */ FROM t -- secret\nWHERE b = -1.5e3', 'SELECT a   FROM t  \nWHERE b = ?'],
  [
    `UPDATE task_instance SET state='queued' WHERE task_instance.dag_id = '${PREFIX}fan' AND map_index = -1 AND x = 12`,
    `UPDATE task_instance SET state='queued' WHERE task_instance.dag_id = '${PREFIX}fan' AND map_index = -1 AND x = ?`,
  ],
  [OURS, OURS],
  ["WHERE dag_id = 'payroll' AND run_id = 'for Ada, 99k'", "WHERE dag_id = '?' AND run_id = '?'"],
  [`SELECT '${PREFIX}fan secret', "key", "Hunter2", "x'y", 'z'`, `SELECT '?', "key", "?", "?", '?'`],
])('a statement keeps what names rows of the run, and no other literal: %s', (statement, expected) => {
  expect(withoutLiterals(statement, keep)).toBe(expected);
});

test('of a deadlock the waits stay, and of a statement that was cut in a text nothing gets out', () => {
  const waits =
    'Process 41 waits for ShareLock on transaction 900; blocked by process 42.\n' +
    'Process 42 waits for ExclusiveLock on tuple (1,2) of relation 16500 of database 5; blocked by process 41.\n';
  const statements =
    "Process 41: UPDATE t SET a = 'cut he\nProcess 42: UPDATE v SET val = 'hunter2\nProcess 9: hunter3'";
  expect(deadlockWithoutLiterals(`${waits}${statements}`, keep)).toBe(
    `${waits}Process 41: UPDATE t SET a = ?\nProcess 42: UPDATE v SET val = '?'`,
  );
});

const log = {
  at_ms: 1,
  source: 'postgres',
  pid: 1,
  application_name: 'wt-api-core-1',
  xid: 7,
  severity: 'ERROR',
  sqlstate: '40001',
  message: 'could not serialize access',
  detail: null,
  statement: "UPDATE t SET a = 'hunter2'",
  context: null,
  database: 'airflow',
};

test("of PostgreSQL's log only records of the run's database and of the stack's processes stay, and deadlocks", () => {
  expect(
    kept(
      'server_log',
      { ...log, database: 'crm' },
      { ...log, application_name: 'psql', statement: 'hunter2' },
      { ...log, severity: 'LOG', message: "statement: SELECT 'hunter2'" },
      { ...log, database: 'crm', sqlstate: '40P01' },
    ),
  ).toEqual([]);
  const [serial, deadlock] = kept('server_log', log, { ...log, application_name: 'hunter2', sqlstate: '40P01' });
  expect(serial).toMatchObject({ message: 'could not serialize access', statement: "UPDATE t SET a = '?'" });
  expect(serial).not.toHaveProperty('database');
  expect(deadlock).toMatchObject({ application_name: 'another client', sqlstate: '40P01' });
});

test('a message with a value in it, a failing row and the context of a COPY do not stay', () => {
  const rows = kept(
    'server_log',
    { ...log, sqlstate: '22P02', message: 'invalid input syntax for type integer: "hunter2"' },
    { ...log, sqlstate: 'P0001', message: 'hunter2' },
    { ...log, sqlstate: '42601', message: 'syntax error', statement: 'SELECT hunter2' },
    { ...log, sqlstate: '23502', message: 'null value in column "a"', detail: 'Failing row contains (1, hunter2).' },
    { ...log, sqlstate: '23505', message: 'duplicate key', detail: `Key (id)=(${UUID}) already exists.` },
    {
      ...log,
      context: 'COPY connection, line 1, column password: "hunter2"\nwhile locking tuple (0,1) in relation "dag_run"',
    },
  ) as { detail: string | null; context: string | null }[];
  expect(JSON.stringify(rows)).not.toContain('hunter2');
  expect(rows[4]?.detail).toBe(UUID);
  expect(rows[5]?.context).toBe('while locking tuple (0,1) in relation "dag_run"');
});

test('a wait for a lock is a record that stays, with those who hold it', () => {
  const wait = {
    ...log,
    severity: 'LOG',
    sqlstate: '00000',
    message: 'process 41 still waiting for ShareLock on transaction 900 after 300.1 ms',
    detail: 'Process holding the lock: 42. Wait queue: 41.',
  };
  expect(kept('server_log', wait)).toMatchObject([{ message: wait.message, detail: wait.detail }]);
});

test("of the logs of Airflow's processes stays what the judge reads", () => {
  const of = (message: string) =>
    (kept('server_log', { at_ms: 1, source: 'api-core-1', severity: 'ERROR', message }) as { message: string }[])[0]
      ?.message;
  expect(of('Failed to connect to postgresql://u:hunter2@db/x')).toBe('a message that was not kept');
  expect(of(`Error updating. Setting the task to failed. correlation_id=${UUID} token=hunter2`)).toBe(
    `Setting the task to failed … correlation_id=${UUID}`,
  );
  expect(of('sqlalchemy.exc.OperationalError: (psycopg2.errors.DeadlockDetected) hunter2')).toBe(
    'sqlalchemy.exc.OperationalError … (psycopg2.errors.DeadlockDetected)',
  );
  expect(of(`heartbeat timeout of ${PREFIX}fan with hunter2`)).toBe(`heartbeat timeout … ${PREFIX}fan`);
  expect(kept('server_log', { source: 'harness', severity: 'ERROR', message: 'could not x' })).toMatchObject([
    { message: 'could not x' },
  ]);
});

test('other clients have no name, their rows none either, and statements no literals', () => {
  const wait = { application_name: 'hunter2', dag_id: 'payroll', run_id: 'hunter2', statement: "SELECT 'hunter2'" };
  const rows = [
    ...kept('lock_waits', wait, { ...wait, dag_id: `${PREFIX}fan`, run_id: 'r' }),
    ...kept('backends', { at_ms: 1, pid: 1, application_name: 'hunter2' }, { application_name: 'wt-scheduler-1' }),
    ...kept('commits', { seq: 1, writer: 'hunter2', statement: "UPDATE x SET y = 'hunter2'" }, { statement: null }),
  ];
  expect(rows).toMatchObject([
    { application_name: 'another client', dag_id: null, run_id: null, statement: "SELECT '?'" },
    { dag_id: `${PREFIX}fan`, run_id: 'r' },
    { application_name: 'another client' },
    { application_name: 'wt-scheduler-1' },
    { writer: 'another client', statement: "UPDATE x SET y = '?'" },
    { statement: null },
  ]);
});

test('of a refused request stay the words that Airflow always has, and names of the run', () => {
  const refused = (row: object) => kept('operations', { op: 1, reason: null, found_state: null, ...row })[0];
  const of = (message: string) => (refused({ message }) as { message: string }).message;
  expect(of('<html>502 at gw.example, token=hunter2')).toBe('a message that was not kept');
  expect(of(`There is already a running backfill for dag ${PREFIX}fan of hunter2`)).toBe(
    `There is already a running backfill for dag … ${PREFIX}fan`,
  );
  const error =
    'Serious error when handling your request. Check logs for more details - you will find it in api server when you ' +
    'look for ID HRIB9TSh';
  expect(of(error)).toBe('Serious error when handling your request … look for ID HRIB9TSh');
  // With expose_stacktrace.
  expect(of("Error with id HRIB9TSh, statement: UPDATE connection SET password = 'hunter2'")).toBe(
    'Error with id HRIB9TSh',
  );
  const own = { message: 'TI is already running elsewhere', reason: 'running_elsewhere', found_state: 'running' };
  expect(refused(own)).toMatchObject(own);
  expect(refused({ message: null, reason: 'for hunter2', found_state: 'hunter2' })).toMatchObject({
    message: null,
    reason: null,
    found_state: null,
  });
});
