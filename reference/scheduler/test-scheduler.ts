import type pg from 'pg';
import { afterEach, beforeAll } from 'vitest';

import type { Behaviour } from '../behaviour.ts';
import { createDagRun, type NewRun } from '../dags/create-run.ts';
import { upsertDag } from '../dags/dag-rows.ts';
import { type DagJson, latestDag, type TaskJson } from '../dags/serialized-dag.ts';
import { writeDag } from '../dags/write-dag.ts';
import { openPool, transaction } from '../database/connect.ts';
import { testDatabase } from '../database/test-database.ts';
import { normal } from '../normal.ts';
import type { Settings } from '../settings.ts';
import { DagBag } from './dag-bag.ts';
import { HandOffExecutor } from './executor.ts';
import type { Scheduling } from './scheduling.ts';

export const SECRET = 'a secret of sixty-four bytes, which is what HS512 wants of its key!';

/** Nothing listens there: the executor keeps what it cannot send. */
const NOWHERE = 'unix:/nonexistent/hand-off.sock';

export function settingsFor(dsn: string, process: string, more: Partial<Settings> = {}): Settings {
  return {
    process,
    dsn,
    secret: SECRET,
    defects: [],
    host: '127.0.0.1',
    port: 0,
    handOff: NOWHERE,
    handOffToken: '',
    dagsFolder: '',
    ...more,
  };
}

/** A scheduler that a test drives step by step, with a row of `job` as a running one has. */
export class TestScheduler {
  readonly scheduling: Scheduling;

  private constructor(scheduling: Scheduling) {
    this.scheduling = scheduling;
  }

  static async start(dsn: string, name: string, handOff = NOWHERE, changes: Partial<Behaviour> = {}) {
    const settings = settingsFor(dsn, name, { handOff });
    const pool = openPool(settings, 5);
    const behaviour: Behaviour = { ...normal, ...changes };
    const { rows } = await pool.query<{ id: number }>(
      `INSERT INTO job (job_type, state, latest_heartbeat) VALUES ('SchedulerJob', 'running', now()) RETURNING id`,
    );
    const executor = new HandOffExecutor(settings, behaviour);
    return new TestScheduler({ pool, behaviour, executor, jobId: rows[0]?.id ?? 0, dags: new DagBag() });
  }

  get pool(): pg.Pool {
    return this.scheduling.pool;
  }

  async stop(): Promise<void> {
    await this.scheduling.executor.end();
    await this.pool.end();
  }
}

/**
 * Hooks that give a test file a database of its own with two schedulers, and clear it after each test. `given` is
 * called before the first test.
 */
export function onTwoSchedulers(given: (one: TestScheduler, other: TestScheduler) => void): void {
  let pool: pg.Pool;
  beforeAll(async () => {
    const database = await testDatabase();
    const one = await TestScheduler.start(database.dsn, 'scheduler-1');
    const other = await TestScheduler.start(database.dsn, 'scheduler-2');
    pool = one.pool;
    given(one, other);
    return async () => {
      await one.stop();
      await other.stop();
      await database.close();
    };
  });
  afterEach(() => clear(pool));
}

export function dagOf(dag_id: string, tasks: readonly TaskJson[], more: Partial<DagJson> = {}): DagJson {
  return {
    dag_id,
    schedule: '* * * * *',
    start_date: '2026-01-01T00:00:00+00:00',
    // Over: no scheduled run comes in between what the test makes.
    end_date: '2026-01-01T00:00:00+00:00',
    catchup: false,
    max_active_runs: 4,
    revision: 1,
    tasks,
    ...more,
  };
}

/** What the dag-processor does with a DAG of the folder. */
export async function parseDag(pool: pg.Pool, dag: DagJson): Promise<void> {
  await transaction(pool, async (tx) => {
    await upsertDag(tx, dag, { fileloc: '/dags/wt_dags.py', durationS: 0 });
    await writeDag(tx, dag);
  });
}

/** A manual run, QUEUED. */
export async function addRun(pool: pg.Pool, dagId: string, runId: string, more: Partial<NewRun> = {}): Promise<number> {
  return transaction(pool, async (tx) => {
    const dag = await latestDag(tx, dagId);
    if (!dag) throw new Error(`no such DAG: ${dagId}`);
    return createDagRun(tx, dag, {
      run_id: runId,
      run_type: 'manual',
      logical_date: null,
      run_after: new Date(),
      triggered_by: 'rest_api',
      ...more,
    });
  });
}

/** States of a run's task instances by task. */
export async function statesOf(pool: pg.Pool, runId: string): Promise<Readonly<Record<string, string | null>>> {
  const { rows } = await pool.query<{ task_id: string; state: string | null }>(
    'SELECT task_id, state FROM task_instance WHERE run_id = $1 ORDER BY task_id',
    [runId],
  );
  return Object.fromEntries(rows.map(({ task_id, state }) => [task_id, state]));
}

/** Plays a worker: what the API would write. */
export async function setTask(pool: pg.Pool, runId: string, taskId: string, values: Readonly<Record<string, unknown>>) {
  const columns = Object.keys(values).map((column, i) => `${column} = $${i + 3}`);
  await pool.query(`UPDATE task_instance SET ${columns.join(', ')} WHERE run_id = $1 AND task_id = $2`, [
    runId,
    taskId,
    ...Object.values(values),
  ]);
}

/** Whether a run's state is so. */
export async function runState(pool: pg.Pool, runId: string): Promise<string | undefined> {
  const { rows } = await pool.query<{ state: string }>('SELECT state FROM dag_run WHERE run_id = $1', [runId]);
  return rows[0]?.state;
}

/**
 * An empty database, but for jobs and pools. Quicker than TRUNCATE, which makes a new file for every table and index.
 */
export async function clear(pool: pg.Pool): Promise<void> {
  await pool.query(`DELETE FROM dag_run; DELETE FROM backfill; DELETE FROM dag; DELETE FROM log; DELETE FROM trigger`);
}

/** What POST /backfills leaves behind; the ids of the runs. */
export async function addBackfill(pool: pg.Pool, dagId: string, runs: number, max: number): Promise<readonly number[]> {
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: number }>(
      `INSERT INTO backfill (dag_id, from_date, to_date, dag_run_conf, is_paused, reprocess_behavior, max_active_runs,
         created_at, updated_at)
       VALUES ($1, now(), now(), '{}', false, 'none', $2, now(), now()) RETURNING id`,
      [dagId, max],
    );
    const backfill_id = rows[0]?.id ?? 0;
    const dag = await latestDag(tx, dagId);
    if (!dag) throw new Error(`no such DAG: ${dagId}`);
    const ids: number[] = [];
    for (let i = 0; i < runs; i++) {
      const logical_date = new Date(Date.parse('2026-01-01T00:00:00Z') + i * 60_000);
      const id = await createDagRun(tx, dag, {
        run_id: `backfill__${i}`,
        run_type: 'backfill',
        logical_date,
        run_after: logical_date,
        triggered_by: 'backfill',
        backfill_id,
      });
      await tx.query(
        'INSERT INTO backfill_dag_run (backfill_id, dag_run_id, logical_date, sort_ordinal) VALUES ($1, $2, $3, $4)',
        [backfill_id, id, logical_date, i + 1],
      );
      ids.push(id);
    }
    return ids;
  });
}
