import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { BACKFILL_FIRST, DagFolder } from '../../harness/stacks/dag-folder.ts';
import { backfillTarget, fanOut } from '../../workloads/shapes.ts';
import { openPool } from '../database/connect.ts';
import { testDatabase } from '../database/test-database.ts';
import { normal } from '../normal.ts';
import { addRun, clear, settingsFor } from '../scheduler/test-scheduler.ts';
import { fireTriggers } from '../triggerer.ts';
import { processFolder } from './dag-processor.ts';

const NOW = new Date(Math.floor(Date.now() / 60_000) * 60_000);

let database: Awaited<ReturnType<typeof testDatabase>>;
let pool: pg.Pool;
let folder: string;
let dags: DagFolder;
let seen: Parameters<typeof processFolder>[2];
beforeAll(async () => {
  database = await testDatabase();
  pool = openPool(settingsFor(database.dsn, 'dag-processor'), 3);
});
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'wt-dags-'));
  dags = new DagFolder(folder, [fanOut('fan', 2, [0, 0]), backfillTarget('target')], '', { now: NOW });
  seen = new Map();
  await dags.publish();
  await processFolder(pool, folder, seen);
});
afterEach(async () => {
  await clear(pool);
  await rm(folder, { recursive: true, force: true });
});
afterAll(async () => {
  await pool.end();
  await database.close();
});

async function versions(dagId: string) {
  const { rows } = await pool.query<{ version: number; revision: number }>(
    `SELECT dag_version.version_number AS version, (serialized_dag.data->>'revision')::int AS revision
     FROM dag_version JOIN serialized_dag ON serialized_dag.dag_version_id = dag_version.id
     WHERE dag_version.dag_id = $1 ORDER BY 1`,
    [dagId],
  );
  return rows;
}

describe('the dag-processor', () => {
  it('makes a DAG that is due from its start, and one that backfills can use and nothing schedules', async () => {
    const { rows } = await pool.query(
      `SELECT dag_id, is_paused, is_stale, max_active_runs, next_dagrun, next_dagrun_create_after
         FROM dag ORDER BY dag_id`,
    );
    const start = new Date(NOW.getTime() - 60_000);
    expect(rows).toEqual([
      expect.objectContaining({ dag_id: 'fan', is_paused: false, max_active_runs: 4, next_dagrun: start }),
      expect.objectContaining({ dag_id: 'target', next_dagrun: null, next_dagrun_create_after: null }),
    ]);
    expect(await versions('target')).toEqual([{ version: 1, revision: 1 }]);
    expect(Date.parse(BACKFILL_FIRST)).toBeLessThan(NOW.getTime());
  });

  it('makes a new version only if task instances are on the latest one', async () => {
    await dags.bumpRevision(['fan']);
    await processFolder(pool, folder, seen);
    expect(await versions('fan')).toEqual([{ version: 1, revision: 2 }]);
    await addRun(pool, 'fan', 'r');
    await dags.bumpRevision(['fan']);
    await processFolder(pool, folder, seen);
    expect(await versions('fan')).toEqual([
      { version: 1, revision: 2 },
      { version: 2, revision: 3 },
    ]);
    expect(await versions('target')).toEqual([{ version: 1, revision: 1 }]);
  });

  it('reads a file again when it changed, and otherwise when it is due', async () => {
    const parsed = async () => (await pool.query('SELECT max(last_parsed_time) AS at FROM dag')).rows[0].at;
    const first = await parsed();
    await processFolder(pool, folder, seen);
    expect(await parsed()).toEqual(first);
    await dags.bumpRevision([]);
    await processFolder(pool, folder, seen);
    expect(await parsed()).not.toEqual(first);
  });

  it('leaves it to users whether a DAG is paused, and continues after its latest run', async () => {
    await pool.query('UPDATE dag SET is_paused = true');
    await addRun(pool, 'fan', 'scheduled__x', { run_type: 'scheduled', logical_date: NOW });
    await dags.bumpRevision(['fan']);
    await processFolder(pool, folder, seen);
    const { rows } = await pool.query(`SELECT is_paused, next_dagrun FROM dag WHERE dag_id = 'fan'`);
    expect(rows).toEqual([{ is_paused: true, next_dagrun: new Date(NOW.getTime() + 60_000) }]);
  });

  it('marks DAGs stale that are no longer in the folder, and fresh again when they are back', async () => {
    const stale = async () => (await pool.query('SELECT DISTINCT is_stale FROM dag')).rows;
    dags.remove();
    await processFolder(pool, folder, seen);
    expect(await stale()).toEqual([{ is_stale: true }]);
    await dags.publish();
    await processFolder(pool, folder, seen);
    expect(await stale()).toEqual([{ is_stale: false }]);
  });

  it('survives a folder that is not there yet', async () => {
    await processFolder(pool, path.join(folder, 'later'), new Map());
  });
});

describe('the triggerer', () => {
  it('resumes a deferred task under the same try, and deletes the trigger without the task', async () => {
    await addRun(pool, 'fan', 'r');
    await pool.query(
      `WITH fired AS (
         INSERT INTO trigger (classpath, kwargs, created_date)
         VALUES ('a.Trigger', '{}', now() - interval '2 seconds') RETURNING id)
       UPDATE task_instance SET state = 'deferred', try_number = 1, next_method = 'execute_complete',
         trigger_id = fired.id FROM fired WHERE task_id = 'root'`,
    );
    await pool.query(`INSERT INTO trigger (classpath, kwargs, created_date) VALUES ('an.Orphan', '{}', now())`);
    await fireTriggers(pool, normal);
    const { rows } = await pool.query(
      `SELECT state, try_number, next_method, trigger_id FROM task_instance WHERE task_id = 'root'`,
    );
    expect(rows).toEqual([{ state: 'scheduled', try_number: 1, next_method: 'execute_complete', trigger_id: null }]);
    expect((await pool.query('SELECT 1 FROM trigger')).rows).toEqual([]);
    expect((await pool.query('SELECT 1 FROM task_instance')).rows).toHaveLength(3);
  });

  it('deletes the trigger of a task that was cleared while it waited, and has no state', async () => {
    await addRun(pool, 'fan', 'r');
    await pool.query(
      `WITH kept AS (INSERT INTO trigger (classpath, kwargs, created_date) VALUES ('a.T', '{}', now()) RETURNING id)
       UPDATE task_instance SET state = NULL, trigger_id = kept.id FROM kept WHERE task_id = 'root'`,
    );
    await fireTriggers(pool, normal);
    expect((await pool.query('SELECT 1 FROM trigger')).rows).toEqual([]);
  });

  it('leaves a trigger alone that is younger than its look', async () => {
    await addRun(pool, 'fan', 'r');
    await pool.query(
      `WITH young AS (INSERT INTO trigger (classpath, kwargs, created_date) VALUES ('a.T', '{}', now()) RETURNING id)
       UPDATE task_instance SET state = 'deferred', trigger_id = young.id FROM young WHERE task_id = 'root'`,
    );
    await fireTriggers(pool, normal);
    expect((await pool.query(`SELECT state FROM task_instance WHERE task_id = 'root'`)).rows).toEqual([
      { state: 'deferred' },
    ]);
  });
});
