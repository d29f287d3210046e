import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { DatabaseAwayError } from '../system/postgres-client.ts';
import { newDatabase, type TestDatabase } from '../testing/database.ts';
import { takeSnapshot } from './snapshot.ts';

let database: TestDatabase;
let other: pg.Client;
let rows: Record<string, object[]>;

/** Of all that is copied these tables are enough; a target's user may not be allowed to read the others either. */
const SCHEMA = `
  CREATE TABLE dag_run (id serial PRIMARY KEY, dag_id varchar(250), run_id varchar(250));
  CREATE TABLE task_instance (id serial PRIMARY KEY, dag_id varchar(250), state text, trigger_id int);
  CREATE TABLE xcom (dag_id varchar(250), key text, value jsonb);
  CREATE TABLE log (id serial PRIMARY KEY, dag_id varchar(250), event text, extra text);
  CREATE TABLE trigger (id serial PRIMARY KEY, classpath text, kwargs text);
  CREATE TABLE backfill (id serial PRIMARY KEY, dag_id varchar(250));
  CREATE TABLE backfill_dag_run (id serial PRIMARY KEY, backfill_id int);
  INSERT INTO trigger (classpath, kwargs) VALUES ('ours', 'secret'), ('theirs', 'secret'), ('an asset''s', 'secret')`;
const OURS = 'wt_abc123_wt_a';

beforeAll(async () => {
  database = await newDatabase();
  other = new pg.Client({ connectionString: database.dsn });
  await other.connect();
  await other.query(SCHEMA);
  // The id of one differs only in what LIKE takes for any character, and that of another only begins as ours does.
  for (const [n, dag] of [OURS, 'payroll', 'wt_abc123-wt_a', `${OURS}b`].entries()) {
    await other.query(`INSERT INTO dag_run (dag_id, run_id) VALUES ('${dag}', 'r')`);
    await other.query(`INSERT INTO task_instance (dag_id, state, trigger_id) VALUES ('${dag}', 'success', ${n + 1})`);
    await other.query(`INSERT INTO xcom VALUES ('${dag}', 'k', '1')`);
    await other.query(`INSERT INTO log (dag_id, event, extra) VALUES ('${dag}', 'running', 'secret')`);
    await other.query(`WITH b AS (INSERT INTO backfill (dag_id) VALUES ('${dag}') RETURNING id)
      INSERT INTO backfill_dag_run (backfill_id) SELECT id FROM b`);
  }
});

beforeEach(() => {
  rows = {};
});

afterAll(async () => {
  await other.end();
  await database.drop();
});

/** The tables of which the record says that something is missing. */
const gaps = () =>
  rows.server_log?.map((row) => ('detail' in row ? String(row.detail).replace('gap in final_', '') : ''));

async function take(
  limits: { statementMs?: number; allMs?: number; dsn?: string } = {},
  flush = async () => {},
): Promise<void> {
  const { dsn = database.dsn } = limits;
  const append = (table: string, row: object) => {
    rows[table] = [...(rows[table] ?? []), row];
  };
  const record = { append, flush, behindMs: 0 };
  const options = { dagIds: [OURS, 'wt_abc123_wt_never'], isShared: true, clock: { now: () => 5 }, ...limits, dsn };
  await takeSnapshot(options, record);
}

const WHOLE = {
  final_dag_run: [{ id: 1, dag_id: OURS, run_id: 'r' }],
  final_task_instance: [{ id: 1, dag_id: OURS, state: 'success', trigger_id: 1 }],
  final_xcom: [{ dag_id: OURS, key: 'k', value: 1 }],
  final_log: [{ id: 1, dag_id: OURS, event: 'running' }],
  final_trigger: [{ id: 1, classpath: 'ours' }],
  final_backfill: [{ id: 1, dag_id: OURS }],
  final_backfill_dag_run: [{ id: 1, backfill_id: 1 }],
};

test('of a stack that others use the rows of the run are copied, and no other', async () => {
  await take();
  expect(rows).toEqual(WHOLE);
});

test('a table that takes too long is a gap in the record, and the others are copied', async () => {
  await other.query('BEGIN');
  try {
    await other.query('LOCK TABLE xcom IN ACCESS EXCLUSIVE MODE');
    await take({ statementMs: 2_000 });
  } finally {
    await other.query('ROLLBACK');
  }
  const { final_xcom: _, ...others } = WHOLE;
  expect(rows).toEqual({
    ...others,
    server_log: [
      {
        at_ms: 5,
        source: 'harness',
        severity: 'ERROR',
        message: "the copy of Airflow's table xcom is incomplete: canceling statement due to statement timeout",
        detail: 'gap in final_xcom',
      },
    ],
  });
});

test('all tables together have a limit, too: what takes longer is a gap', async () => {
  await other.query('BEGIN');
  try {
    await other.query('LOCK TABLE dag_run, xcom IN ACCESS EXCLUSIVE MODE');
    await take({ allMs: 500 });
  } finally {
    await other.query('ROLLBACK');
  }
  expect(gaps()).toEqual(expect.arrayContaining(['dag_run', 'xcom']));
});

test('an error of the recorder is no gap', async () => {
  const full = take({}, async () => {
    throw new Error('ENOSPC: no space left on device');
  });
  await expect(full).rejects.toThrow('ENOSPC');
  expect(rows.server_log).toBeUndefined();
});

test('after a connection that breaks, all tables that are not copied are gaps', async () => {
  let flushed = 0;
  const cut = async () => {
    if (++flushed === 2)
      await other.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND application_name LIKE 'wt-harness%'`,
      );
  };
  await expect(take({}, cut)).rejects.toBeInstanceOf(DatabaseAwayError);
  expect(Object.keys(rows)).toEqual(['final_task_instance', 'final_dag_run', 'server_log']);
  // Of dag_run the end was not seen.
  expect(gaps()).toEqual([...new Set(gaps())]);
  expect(gaps()).toEqual(expect.arrayContaining(['dag_run', 'backfill', 'backfill_dag_run', 'trigger', 'xcom', 'log']));
  expect(gaps()).not.toContain('task_instance');
});

test('a table that the user may not read is a gap, one that is not there is none', async () => {
  await other.query(`CREATE ROLE reader LOGIN PASSWORD 'reader'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
    REVOKE SELECT ON log FROM reader`);
  const dsn = database.dsn.replace(/\/\/[^@]*@/, '//reader:reader@');
  await take({ dsn });
  const { final_log: _, ...others } = WHOLE;
  expect(rows).toMatchObject(others);
  expect(gaps()).toEqual(['log']);
  expect(rows.final_log).toBeUndefined();
});
