import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';

import { REFERENCE_TEMPLATE } from '../../test/postgres-servers.ts';
import { StackError, UsageError } from '../model/errors.ts';
import { withClient } from '../system/postgres-client.ts';
import { newDatabase, type TestDatabase } from '../testing/database.ts';
import { connectTarget } from './target.ts';
import { splitPassword } from './target-dsn.ts';
import { askServer } from './target-server.ts';

let database: TestDatabase;
let folder = '';

beforeAll(async () => {
  database = await newDatabase(REFERENCE_TEMPLATE);
  folder = mkdtempSync(path.join(tmpdir(), 'wt-target-'));
  writeFileSync(path.join(folder, 'secret'), 'x'.repeat(64), { mode: 0o600 });
  await addDag('payroll', [{ task_id: 'pay_salaries' }]);
  await addDag('kept_apart', [{ task_id: 't', executor: 'LocalExecutor' }]);
  await addDag('asks_for_ours', [{ task_id: 'a' }, { task_id: 'b', executor: 'wt' }], { packed: true });
  await addDag('asleep', [{ task_id: 't' }], { paused: true });
  await addDag('gone', [{ task_id: 't' }], { stale: true });
  // Left unpaused by a run of ours that was killed: its workloads are known.
  await addDag('wt_0f0f0f_wt_storm', [{ task_id: 't' }]);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.drop();
});

async function addDag(
  id: string,
  tasks: readonly object[],
  { paused = false, stale = false, packed = false } = {},
): Promise<void> {
  const dag = { __version: 3, dag: { dag_id: id, tasks: tasks.map((__var) => ({ __type: 'operator', __var })) } };
  await withClient(database.dsn, async (client) => {
    await client.query(
      `INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, timetable_type, max_active_tasks,
         max_consecutive_failed_dag_runs, has_task_concurrency_limits) VALUES ($1, $2, $3, 'dags', 't', 16, 0, false)`,
      [id, paused, stale],
    );
    const versions = await client.query<{ id: string }>(
      `INSERT INTO dag_version (id, version_number, dag_id, created_at, last_updated)
         VALUES (gen_random_uuid(), 1, $1, now(), now()) RETURNING id`,
      [id],
    );
    await client.query(
      `INSERT INTO serialized_dag
           (id, dag_id, data, data_compressed, created_at, last_updated, dag_hash, dag_version_id)
         VALUES (gen_random_uuid(), $1, $2, $3, now(), now(), 'h', $4)`,
      [id, packed ? null : dag, packed ? deflateSync(JSON.stringify(dag)) : null, versions.rows[0]?.id],
    );
  });
}

function connect(over: object = {}) {
  const { dsn, password } = splitPassword(database.dsn);
  if (password !== undefined) writeFileSync(path.join(folder, 'dsn-password'), password, { mode: 0o600 });
  const file = path.join(folder, 'target.yaml');
  const content = {
    execution_api: ['http://127.0.0.1:1/execution'],
    public_api: 'http://127.0.0.1:1',
    dsn,
    ...(password === undefined ? {} : { dsn_password: { file: path.join(folder, 'dsn-password') } }),
    jwt_secret: { file: path.join(folder, 'secret') },
    handoff: 'unix:/nowhere/h.sock',
    dags_folder: folder,
    ...over,
  };
  writeFileSync(file, stringify(content));
  return connectTarget(file, { runId: 'a1b2c3', signal: AbortSignal.timeout(60_000) });
}

test('what the server says of itself, and which DAGs of others would come', async () => {
  const facts = await withClient(database.dsn, (client) => askServer(client, {}));
  expect(facts).toMatchObject({ address: '127.0.0.1', port: database.port });
  expect(facts?.databaseBytes).toBeGreaterThan(1_000_000);
  expect(facts?.foreignDags).toEqual(['asks_for_ours', 'kept_apart', 'payroll']);
  expect(facts?.comingDags).toEqual(['asks_for_ours', 'payroll']);
  const beside = await withClient(database.dsn, (client) => askServer(client, { executor: 'wt' }));
  expect(beside?.comingDags).toEqual(['asks_for_ours']);
});

test('no run begins where DAGs of others would come to our executor', async () => {
  await expect(connect()).rejects.toThrow(UsageError);
  await expect(connect({ i_own_this: true })).rejects.toThrow(/: asks_for_ours and payroll\. Pause them\./);
  await expect(connect({ executor: 'wt' })).rejects.toThrow(/: asks_for_ours\. Pause them\./);
  const stack = await connect({ executor: 'ours', task_queued_timeout_s: 10 });
  // The time-outs are those by which the judge knows what a scheduler may take back.
  const identity = { task_queued_timeout_s: '10', task_instance_heartbeat_timeout_s: '300' };
  expect(stack).toMatchObject({ executor: 'ours', dagNamespace: 'wt_a1b2c3_', identity });
});

test.each([
  ['3.5.0', '3.5.0'],
  ['3.5.0 <script>', undefined],
])('a target that calls itself %s is of the release %s', async (version, airflow) => {
  const server = createServer((_, answer) => answer.end(JSON.stringify({ version, git_version: null })));
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  try {
    const { identity } = await connect({ executor: 'ours', public_api: `http://127.0.0.1:${port}` });
    expect(identity.airflow).toBe(airflow);
  } finally {
    server.close();
  }
});

test('a task of a paused DAG that waits in the queue for us would come, too', async () => {
  const askFor = (executor: string | null) =>
    withClient(database.dsn, async (client) => {
      await client.query('BEGIN');
      // Without the rows that they refer to.
      await client.query("SET LOCAL session_replication_role = 'replica'");
      await client.query(
        `INSERT INTO task_instance (id, task_id, dag_id, run_id, state, try_number, pool, pool_slots, executor)
           VALUES (gen_random_uuid(), 't', 'asleep', 'r', 'queued', 1, 'default_pool', 1, $1)`,
        [executor],
      );
      const facts = await askServer(client, { executor: 'ours' });
      await client.query('ROLLBACK');
      return facts?.comingDags;
    });
  expect(await askFor('ours')).toEqual(['asleep']);
  expect(await askFor(null)).toEqual([]);
});

test('a user who may not see which DAGs there are', async () => {
  const role = `unprivileged_${process.pid}`;
  const { dsn } = splitPassword(database.dsn);
  await withClient(database.dsn, (client) => client.query(`CREATE ROLE ${role}`));
  try {
    const refused = connect({ dsn: `${dsn}?options=-c%20role%3D${role}` });
    await expect(refused).rejects.toThrow(/does not say who uses it, so that no run begins: permission denied/);
  } finally {
    await withClient(database.dsn, (client) => client.query(`DROP ROLE ${role}`));
  }
});

test('a database that is not Airflow’s', async () => {
  const empty = await newDatabase();
  try {
    const { dsn } = splitPassword(empty.dsn);
    await expect(connect({ dsn })).rejects.toThrow(StackError);
    await expect(connect({ dsn })).rejects.toThrow(/has no table "dag"/);
  } finally {
    await empty.drop();
  }
});
