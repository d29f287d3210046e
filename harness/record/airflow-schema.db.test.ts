import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeEach, expect, test } from 'vitest';

import { REFERENCE_TEMPLATE } from '../../test/postgres-servers.ts';
import { WATCHED_SCHEMA, WATCHED_SCHEMA_34 } from '../../test/schema.ts';
import { watchedOn } from '../model/airflow/schema.ts';
import { RunClock } from '../run-folder/clock.ts';
import { RunFolder } from '../run-folder/writer.ts';
import { readAirflowSchema } from '../system/airflow-schema.ts';
import { withClient } from '../system/postgres-client.ts';
import { newDatabase } from '../testing/database.ts';
import { CommitStream } from './commits.ts';
import { takeSnapshot } from './snapshot.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
const [FIRST, SECOND, OLDER] = [1, 2, 3].map((n) => `019aa000-0000-7000-8000-00000000000${n}`);
let dsn: string;

beforeEach(async () => {
  const database = await newDatabase();
  dsn = database.dsn;
  return () => database.drop();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function query(...statements: string[]): Promise<void> {
  await withClient(dsn, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

/** What the record has of these statements, and of the tables in the end. */
async function recorded(
  name: string,
  statements: readonly string[],
  isShared = false,
): Promise<(table: string) => Record<string, unknown>[]> {
  const record = new RunFolder(path.join(folder, name));
  const clock = new RunClock();
  const stream = new CommitStream({ dsn, run: 'abc0aa', record, clock, dagPrefix: 'wt_', isShared });
  await stream.start((error) => {
    throw error;
  });
  await query(...statements);
  await stream.stop();
  expect(await stream.remove()).toBeUndefined();
  await takeSnapshot({ dsn, dagIds: ['wt_a'], isShared, clock }, record);
  await record.close();
  return (table) =>
    readFileSync(path.join(folder, name, 'raw', `${table}.ndjson`), 'utf8')
      .trim()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line));
}

const INSERT = 'INSERT INTO task_instance (id, dag_id, run_id, task_id, region_index, state, try_number, working_set)';

test('a retry of 3.4, its fields and its results are recorded under the names of every release', async () => {
  await query(
    WATCHED_SCHEMA_34,
    `INSERT INTO dag VALUES ('wt_a', false)`,
    `${INSERT} VALUES ('${OLDER}', 'wt_a', 'r0', 't', -1, 'running', 1, true)`,
  );
  const table = await recorded('3.4', [
    `${INSERT} VALUES ('${FIRST}', 'wt_a', 'r', 't', 4, 'running', 1, true)`,
    `INSERT INTO rtif_v2 (task_instance_id, rendered_fields) VALUES ('${FIRST}', '{"bash_command": "one"}')`,
    `INSERT INTO xcom_v2 (task_instance_id, key, value) VALUES ('${OLDER}', 'return_value', '"life 7"')`,
    'BEGIN',
    `UPDATE task_instance SET state = 'failed', working_set = NULL WHERE id = '${FIRST}'`,
    `${INSERT} VALUES ('${SECOND}', 'wt_a', 'r', 't', 4, 'up_for_retry', 2, true)`,
    'COMMIT',
    'DELETE FROM xcom_v2',
  ]);
  const task = { dag_id: 'wt_a', run_id: 'r', task_id: 't', map_index: 4 };
  const rows = table('commits');
  expect(rows).toMatchObject([
    { relation: 'task_instance', change: 'insert', id: FIRST, ...task, row: { working_set: true } },
    { relation: 'rendered_task_instance_fields', change: 'insert', ...task, row: { task_instance_id: FIRST } },
    { relation: 'xcom', change: 'insert', dag_id: 'wt_a', run_id: 'r0', task_id: 't', map_index: -1 },
    { relation: 'task_instance', change: 'update', id: FIRST, state: 'failed', row: { working_set: null } },
    { relation: 'task_instance', change: 'insert', id: SECOND, ...task, state: 'up_for_retry', try_number: 2 },
    { relation: 'xcom', change: 'delete', id: rows[2]?.id },
  ]);
  expect(table('final_task_instance').map(({ id }) => id)).toEqual([OLDER, SECOND]);
  expect(table('final_task_instance_history')).toMatchObject([{ task_instance_id: FIRST, ...task, try_number: 1 }]);
  // It belongs to the former try: the current one has written none.
  expect(() => table('final_rendered_task_instance_fields')).toThrow('ENOENT');
});

test('of a stack of 3.4 that others use the results of their tasks are not recorded', async () => {
  await query(WATCHED_SCHEMA_34);
  const result = (id: string | undefined) => `INSERT INTO xcom_v2 (task_instance_id, key) VALUES ('${id}', 'k')`;
  const rows = [
    `${INSERT} VALUES ('${FIRST}', 'payroll', 'r', 't', -1, 'running', 1, true)`,
    `${INSERT} VALUES ('${SECOND}', 'wt_a', 'r', 't', -1, 'running', 1, true)`,
    ...[result(FIRST), result(SECOND), result(OLDER), 'DELETE FROM xcom_v2'],
  ];
  const table = await recorded('shared', rows, true);
  expect(table('commits')).toMatchObject([
    { relation: 'task_instance', dag_id: 'wt_a' },
    { relation: 'xcom', change: 'insert', dag_id: 'wt_a', row: { task_instance_id: SECOND } },
    { relation: 'xcom', change: 'delete' },
  ]);
});

test('the reference stack has all that is recorded, as a release before 3.4', async () => {
  const reference = await newDatabase(REFERENCE_TEMPLATE);
  const { unrecorded, rowATry } = await withClient(reference.dsn, readAirflowSchema);
  await reference.drop();
  expect(unrecorded).toEqual([]);
  expect(rowATry).toBe(false);
});

test('a schema that no known release has is recorded as far as it goes, and what is missing is said', async () => {
  await query(
    WATCHED_SCHEMA,
    'ALTER TABLE xcom RENAME TO xcom_v3',
    'ALTER TABLE rendered_task_instance_fields RENAME COLUMN rendered_fields TO fields',
    'ALTER TABLE task_instance RENAME COLUMN hostname TO host',
    'CREATE TABLE log (dag_id text)',
    // A key that is not read, and none at all.
    'ALTER TABLE dag_version DROP CONSTRAINT dag_version_pkey, ADD serial_number serial PRIMARY KEY',
    'ALTER TABLE backfill DROP CONSTRAINT backfill_pkey',
  );
  const schema = await withClient(dsn, readAirflowSchema);
  const { watched, rowATry, unrecorded } = schema;
  const ofAssets = ['asset', 'asset_event', 'asset_dag_run_queue', 'dagrun_asset_event'];
  expect(watched.map(({ name }) => name)).toEqual([
    ...['task_instance', 'dag_run', 'backfill_dag_run', 'dag_version'],
    ...ofAssets,
  ]);
  expect(watchedOn(schema, false).map(({ name }) => name)).not.toContain('asset_event');
  expect(rowATry).toBe(false);
  expect(unrecorded.filter(({ what }) => !/^final_(dag|trigger|task_instance_history)$/.test(what))).toEqual([
    { what: 'hostname', why: 'the table task_instance has no column hostname' },
    { what: 'backfill', why: 'the table backfill has no primary key' },
    {
      what: 'rendered_task_instance_fields',
      why: 'the table rendered_task_instance_fields has no column rendered_fields',
    },
    { what: 'xcom', why: 'there is no table xcom_v2 or xcom' },
    { what: 'final_xcom', why: 'there is no table xcom_v2 or xcom' },
  ]);
  const table = await recorded('unknown', [
    `INSERT INTO task_instance (id, dag_id, run_id, task_id, map_index, state) VALUES ('${FIRST}', 'wt_a', 'r', 't', -1,
      'queued')`,
    `INSERT INTO dag_version (id, dag_id, version_number) VALUES ('${FIRST}', 'wt_a', 1)`,
    'UPDATE dag_version SET version_number = 2',
    `INSERT INTO backfill (dag_id) VALUES ('wt_a')`,
    `UPDATE backfill SET max_active_runs = 1`,
    `INSERT INTO xcom_v3 VALUES (1, 'wt_a', 'r', 't', -1, 'k', '1')`,
  ]);
  expect(table('commits').map(({ relation }) => relation)).toEqual(['task_instance', 'dag_version', 'dag_version']);
  expect(table('final_task_instance')).toHaveLength(1);
});

test('tries in rows of their own, under a name that is not known, are not taken for tries in one row', async () => {
  await query(WATCHED_SCHEMA_34, 'ALTER TABLE task_instance RENAME COLUMN region_index TO map_index');
  const { watched, unrecorded } = await withClient(dsn, readAirflowSchema);
  expect(watched.map(({ name }) => name)).not.toContain('task_instance');
  expect(unrecorded).toContainEqual({
    what: 'task_instance',
    why: 'the table task_instance has no column region_index',
  });
});
