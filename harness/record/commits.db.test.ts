import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { WATCHED_SCHEMA } from '../../test/schema.ts';
import { RunClock } from '../run-folder/clock.ts';
import { RunFolder } from '../run-folder/writer.ts';
import { POSTGRES_SETTINGS, type Postgres, startPostgres } from '../stacks/postgres.ts';
import { freePorts } from '../system/ports.ts';
import { withClient } from '../system/postgres-client.ts';
import { ProcessTable } from '../system/process-table.ts';
import { stopPostgres } from '../system/signals.ts';
import { CommitStream, type CommitStreamOptions } from './commits.ts';
import { DatabaseClock } from './database-clock.ts';
import { ServerLog } from './server-log.ts';

let folder: string;
let table: ProcessTable;
let postgres: Postgres;

const FIRST_ID = '019aa000-0000-7000-8000-000000000001';
const SECOND_ID = '019aa000-0000-7000-8000-000000000002';

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  process.env.WINDTUNNEL_CACHE = path.join(folder, 'cache');
  table = new ProcessTable(`commits-test-${process.pid}`);
  const [port = 0] = await freePorts(1);
  const log = path.join(folder, 'postgres.log');
  // A zone that no program guesses, as a target's may be.
  const settings = { ...POSTGRES_SETTINGS, log_timezone: 'Asia/Kathmandu' };
  const signal = AbortSignal.timeout(60_000);
  postgres = await startPostgres({ table, port, log, settings, fsync: false, signal });
  await withClient(postgres.dsn('postgres'), (client) => client.query(WATCHED_SCHEMA));
});

afterAll(async () => {
  await table.close();
  delete process.env.WINDTUNNEL_CACHE;
  rmSync(folder, { recursive: true, force: true });
});

async function as(name: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.dsn('postgres'), application_name: name });
  client.on('error', () => undefined); // Its query fails with the same.
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

async function record(
  name: string,
  changes: () => Promise<void>,
  options: Pick<CommitStreamOptions, 'dagPrefix' | 'isShared' | 'mostRows'> = {},
): Promise<Record<string, unknown>[]> {
  const run = new RunFolder(path.join(folder, name));
  const dsn = postgres.dsn('postgres');
  const stream = new CommitStream({ dsn, run: 'abc123', record: run, clock: new RunClock(), ...options });
  const failures: Error[] = [];
  await stream.start((error) => failures.push(error));
  await changes();
  await stream.stop();
  expect(await stream.remove()).toBeUndefined();
  await run.close();
  expect(failures).toEqual([]);
  return linesOf(name, 'commits');
}

function linesOf(run: string, table: string): Record<string, unknown>[] {
  const text = readFileSync(path.join(folder, run, 'raw', `${table}.ndjson`), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
}

async function untilItAnswers(): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await as('wt-test', 'SELECT 1');
    } catch (error) {
      if (tries === 200) throw error;
      await sleep(50);
    }
  }
}

test('row changes are recorded in commit order, each with the process that wrote it', async () => {
  const rows = await record('order', async () => {
    // The scheduler writes first and commits last: the order is that of the commits.
    const scheduler = new pg.Client({ connectionString: postgres.dsn('postgres'), application_name: 'wt-scheduler-1' });
    await scheduler.connect();
    await scheduler.query('BEGIN');
    await scheduler.query(`INSERT INTO dag_run (dag_id, run_id, state) VALUES ('wt_a', 'r', 'queued')`);
    await as(
      'wt-api-execution-1',
      `INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state, try_number)
      VALUES ('${FIRST_ID}', 'wt_a', 'r', 't', -1, 'running', 1)`,
    );
    await scheduler.query('COMMIT');
    await scheduler.end();
  });
  expect(rows).toMatchObject([
    { seq: 1, relation: 'task_instance', change: 'insert', state: 'running', writer: 'wt-api-execution-1' },
    { seq: 2, relation: 'dag_run', change: 'insert', state: 'queued', writer: 'wt-scheduler-1' },
  ]);
  expect(rows[0]?.statement).toContain('INSERT INTO task_instance');
  expect(Number(rows[0]?.committed_ms)).toBeGreaterThan(-1000);
});

test('a retry moves the id, and the record holds both', async () => {
  const rows = await record('moved', () =>
    as(
      'wt-api-execution-1',
      `UPDATE task_instance SET id = '${SECOND_ID}', state = 'up_for_retry' WHERE id = '${FIRST_ID}'`,
    ),
  );
  expect(rows).toMatchObject([{ change: 'update', old_id: FIRST_ID, id: SECOND_ID, state: 'up_for_retry' }]);
});

test('what was rolled back is not recorded, what was deleted is', async () => {
  const rows = await record('rolled-back', () =>
    as('wt-api-core-1', 'BEGIN', `UPDATE task_instance SET state = 'success'`, 'ROLLBACK', 'DELETE FROM task_instance'),
  );
  expect(rows).toMatchObject([{ change: 'delete', id: SECOND_ID, writer: 'wt-api-core-1' }]);
});

test('20,000 changes in one transaction arrive whole', async () => {
  const rows = await record('many', () =>
    as(
      'wt-api-core-1',
      `INSERT INTO dag_run (dag_id, run_id, state, backfill_id)
       SELECT 'wt_b', i::text, 'queued', 7 FROM generate_series(1, 20000) i`,
    ),
  );
  expect(rows.length).toBe(20_000);
  expect(new Set(rows.map((row) => row.xid)).size).toBe(1);
  expect(rows.at(-1)).toMatchObject({ seq: 20_000, backfill_id: 7, writer: 'wt-api-core-1' });
});

test('of a transaction with too many rows none is held, and the record says that it has a gap', async () => {
  const runs = (ids: string) => `INSERT INTO dag_run (dag_id, run_id, state) SELECT 'wt_d', ${ids}, 'queued'`;
  const rows = await record(
    'too-many',
    () => as('wt-api-core-1', `${runs('i::text')} FROM generate_series(1, 1001) i`, runs(`'after'`)),
    { mostRows: 1_000 },
  );
  expect(rows).toMatchObject([{ seq: 1, run_id: 'after' }]);
  expect(linesOf('too-many', 'server_log')).toMatchObject([
    {
      source: 'harness',
      message: 'a transaction changed 1001 rows of the run, more than the 1000 that are recorded',
      detail: 'gap in commits',
    },
  ]);
});

test('beside rows of others, those of the run are recorded, also where only keys are logged', async () => {
  const runs = (dag: string, n: number) =>
    `INSERT INTO dag_run (dag_id, run_id, state) SELECT '${dag}', i::text, 'queued' FROM generate_series(1, ${n}) i`;
  const values = (dag: string) =>
    `INSERT INTO xcom SELECT id, dag_id, run_id, 't', -1, 'k', '1' FROM dag_run WHERE dag_id = '${dag}'`;
  await as('airflow', runs('payroll', 5_000), values('payroll'));
  const ours = 'wt_abc123_wt_e';
  const rows = await record(
    'beside',
    () =>
      as(
        'airflow',
        ...[runs(ours, 2), values(ours), `INSERT INTO backfill (dag_id) VALUES ('payroll'), ('${ours}')`],
        `INSERT INTO backfill_dag_run (backfill_id, sort_ordinal) SELECT id, 1 FROM backfill`,
        // As airflow db clean does it: more rows of others than are held.
        ...['BEGIN', 'DELETE FROM xcom', 'DELETE FROM dag_run', 'DELETE FROM backfill_dag_run', 'COMMIT'],
      ),
    { dagPrefix: 'wt_abc123_wt_', isShared: true, mostRows: 1_000 },
  );
  const inserts = ['dag_run', 'dag_run', 'xcom', 'xcom', 'backfill', 'backfill_dag_run'];
  const deletes = ['xcom', 'xcom', 'dag_run', 'dag_run', 'backfill_dag_run'];
  expect(rows.map(({ change, relation }) => `${change} ${relation}`)).toEqual([
    ...inserts.map((relation) => `insert ${relation}`),
    ...deletes.map((relation) => `delete ${relation}`),
  ]);
});

test('the database says what its clock and the clocks of its log show, in whatever zone', async () => {
  const run = new RunFolder(path.join(folder, 'zone'));
  const clock = new RunClock();
  const databaseClock = new DatabaseClock(run, clock);
  await withClient(postgres.dsn('postgres'), (client) => databaseClock.read(client));
  // One clock of one machine.
  expect(databaseClock).toMatchObject({ offsetMs: 0, logZoneMs: 5.75 * 3_600_000 });
  const source = { source: 'postgres', file: postgres.jsonLog, format: 'postgres-jsonlog', from: 'end' } as const;
  const log = new ServerLog([source], run, clock, databaseClock);
  const fromMs = clock.now();
  await as('wt-test', `DO $$ BEGIN RAISE WARNING 'a zone'; END $$`);
  const untilMs = clock.now();
  log.close();
  await run.close();
  const [, logged] = linesOf('zone', 'server_log');
  expect(logged).toMatchObject({ message: 'a zone' });
  // PostgreSQL cuts to milliseconds.
  expect(logged?.at_ms).toBeGreaterThan(fromMs - 2);
  expect(logged?.at_ms).toBeLessThan(untilMs + 2);
});

test('across restarts of the server every commit is recorded exactly once', { timeout: 60_000 }, async () => {
  const write = (runs: string) =>
    as('wt-scheduler-1', `INSERT INTO dag_run (dag_id, run_id, state) SELECT 'wt_c', ${runs}`).catch(() => undefined);
  const rows = await record('restarted', async () => {
    for (let restart = 0; restart < 3; restart++) {
      // Some are acknowledged when the server ends, some are not.
      for (let i = 0; i < 60; i++) await write(`'${restart}-${i}', 'queued'`);
      const writing = Promise.all(
        [1, 2, 3].map((n) => write(`'${restart}-bulk-${n}-' || i, 'queued' FROM generate_series(1, 20000) i`)),
      );
      await sleep(50);
      await stopPostgres(postgres.process);
      await writing;
      postgres.restart();
      await untilItAnswers();
    }
    await write(`'last', 'queued'`);
  });
  const { rows: committed } = await withClient(postgres.dsn('postgres'), (client) =>
    client.query<{ run_id: string }>(`SELECT run_id FROM dag_run WHERE dag_id = 'wt_c'`),
  );
  expect(committed.length).toBeGreaterThan(180);
  expect(rows.map(({ run_id }) => String(run_id)).sort()).toEqual(committed.map(({ run_id }) => run_id).sort());
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_, i) => i + 1));
});

test('what was installed is taken away also where the end of the stream could not be recorded', async () => {
  const run = new RunFolder(path.join(folder, 'no-end'));
  const dsn = postgres.dsn('postgres');
  const stream = new CommitStream({ dsn, run: 'abc124', record: run, clock: new RunClock() });
  await stream.start(() => undefined);
  const allow = (allowed: boolean) =>
    withClient(postgres.dsn('template1'), (client) =>
      client.query(`ALTER DATABASE postgres ALLOW_CONNECTIONS ${allowed}`),
    );
  // As a pool that is full, or a failover in the last second.
  await allow(false);
  try {
    await expect(stream.stop()).rejects.toThrow(/not currently accepting connections/);
  } finally {
    await allow(true);
  }
  expect(await stream.remove()).toBeUndefined();
  await run.close();
});

test('nothing of the recorder stays in the database', async () => {
  await withClient(postgres.dsn('postgres'), async (client) => {
    const { rows } = await client.query(`
      SELECT (SELECT count(*) FROM pg_replication_slots) AS slots,
             (SELECT count(*) FROM pg_publication) AS publications,
             (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal) AS triggers,
             (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'windtunnel%') AS schemas`);
    expect(rows).toEqual([{ slots: '0', publications: '0', triggers: '0', schemas: '0' }]);
  });
});
