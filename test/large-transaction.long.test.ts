import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { CommitStream } from '../harness/record/commits.ts';
import { RunClock } from '../harness/run-folder/clock.ts';
import { POSTGRES_SETTINGS, type Postgres, startPostgres } from '../harness/stacks/postgres.ts';
import { freePorts } from '../harness/system/ports.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { ProcessTable } from '../harness/system/process-table.ts';
import { until } from './airflow.ts';
import { WATCHED_SCHEMA } from './schema.ts';

const ROWS = 1_000_000;
const PREFIX = 'wt_abc123_wt_';

let folder: string;
let table: ProcessTable;
let postgres: Postgres;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  process.env.WINDTUNNEL_CACHE = path.join(folder, 'cache');
  table = new ProcessTable(`large-test-${process.pid}`);
  const [port = 0] = await freePorts(1);
  const log = path.join(folder, 'postgres.log');
  const signal = AbortSignal.timeout(60_000);
  postgres = await startPostgres({ table, port, log, settings: POSTGRES_SETTINGS, fsync: false, signal });
});

afterAll(async () => {
  await table.close();
  delete process.env.WINDTUNNEL_CACHE;
  rmSync(folder, { recursive: true, force: true });
});

test('a transaction of others with a million rows takes no memory, and the run is recorded on', async () => {
  const dsn = postgres.dsn('postgres');
  const query = (...statements: string[]) =>
    withClient(dsn, async (client) => {
      for (const statement of statements) await client.query(statement);
    });
  const tasks = (dag: string, from: number, to: number) =>
    `INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state, try_number)
     SELECT gen_random_uuid(), '${dag}', i::text, 't', -1, 'success', 1 FROM generate_series(${from}, ${to}) i`;
  await query(WATCHED_SCHEMA);
  for (let from = 1; from < ROWS; from += 100_000) await query(tasks('payroll', from, from + 99_999));

  const rows: object[] = [];
  const record = { append: (_: string, row: object) => rows.push(row), flush: async () => undefined, behindMs: 0 };
  const options = { dagPrefix: PREFIX, isShared: true, clock: new RunClock() };
  const stream = new CommitStream({ dsn, run: 'abc123', record, ...options });
  const failures: Error[] = [];
  await stream.start((error) => failures.push(error));
  const before = process.memoryUsage().heapUsed;
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, process.memoryUsage().heapUsed);
  }, 10);
  await query(tasks(`${PREFIX}a`, 1, 1_000));
  await query('BEGIN', 'DELETE FROM task_instance', 'COMMIT');
  await query(tasks(`${PREFIX}b`, 1, 1_000));
  // Not left to `stop`, which waits for 15 s: how long a million rows take is no matter of this test.
  await until('all rows of the run', () => rows.length === 3_000 || failures.length > 0);
  await stream.stop();
  clearInterval(looking);
  expect(await stream.remove()).toBeUndefined();

  expect(failures).toEqual([]);
  expect(rows).toHaveLength(3_000);
  // Held as rows, they took 700 MB.
  expect((most - before) / (1 << 20)).toBeLessThan(150);
});
