import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { WATCHED_SCHEMA } from '../../test/schema.ts';
import { RunClock } from '../run-folder/clock.ts';
import { RunFolder } from '../run-folder/writer.ts';
import { withClient } from '../system/postgres-client.ts';
import { newDatabase, type TestDatabase } from '../testing/database.ts';
import { LockSampler } from './lock-sampler.ts';

let folder: string;
let database: TestDatabase;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  database = await newDatabase();
  await withClient(database.dsn, async (client) => {
    await client.query(WATCHED_SCHEMA);
    await client.query(`INSERT INTO dag_run (dag_id, run_id, state) VALUES ('wt_a', 'r', 'running')`);
    await client.query(`INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state)
      VALUES (gen_random_uuid(), 'wt_a', 'r', 't', 3, 'running')`);
  });
});

afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

async function open(name: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.dsn, application_name: name });
  await client.connect();
  return client;
}

test('who waits for whom over which row is written once, with the one that is waited for', async () => {
  const record = new RunFolder(path.join(folder, 'run'));
  const sampler = new LockSampler({ dsn: database.dsn, record, clock: new RunClock() });
  await sampler.start();
  expect(await sampler.look()).toBe(0);
  const [scheduler, api] = [await open('wt-scheduler-1'), await open('wt-api-execution-1')];
  await scheduler.query('BEGIN');
  await scheduler.query(`UPDATE task_instance SET state = 'queued' WHERE task_id = 't'`);
  await api.query('BEGIN');
  await api.query(`UPDATE dag_run SET state = 'queued'`);
  const waiting = api.query(`SELECT * FROM task_instance WHERE task_id = 't' FOR UPDATE`);
  const deadline = Date.now() + 10_000;
  while ((await sampler.look()) === 0 && Date.now() < deadline) await sleep(20);
  await sampler.look();
  await scheduler.query('COMMIT');
  await waiting;
  await api.query('COMMIT');
  expect(await sampler.look()).toBe(0);
  await sampler.close();
  await Promise.all([scheduler.end(), api.end()]);
  await record.close();
  const rows = readFileSync(path.join(folder, 'run', 'raw', 'lock_waits.ndjson'), 'utf8')
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
  const pid = rows.find((row) => row.application_name === 'wt-scheduler-1')?.pid;
  expect(rows).toHaveLength(2);
  expect(rows).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        application_name: 'wt-api-execution-1',
        lock: expect.stringMatching(/^ShareLock on transaction \d+$/),
        blocked_by: String(pid),
        relation: 'task_instance',
        dag_id: 'wt_a',
        run_id: 'r',
        task_id: 't',
        map_index: 3,
        statement: `SELECT * FROM task_instance WHERE task_id = 't' FOR UPDATE`,
      }),
      expect.objectContaining({
        application_name: 'wt-scheduler-1',
        waiting_since_ms: null,
        blocked_by: '',
        xid: expect.any(Number),
        xact_started_ms: expect.any(Number),
      }),
    ]),
  );
});
