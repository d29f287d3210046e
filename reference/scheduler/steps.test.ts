import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createDagRun } from '../dags/create-run.ts';
import { latestDag } from '../dags/serialized-dag.ts';
import { transaction } from '../database/connect.ts';
import { testDatabase } from '../database/test-database.ts';
import { completeBackfills } from './backfills.ts';
import { createDueRuns } from './create-runs.ts';
import { examineRuns } from './examine-runs.ts';
import { queueTasks } from './queue-tasks.ts';
import { schedulingPass } from './scheduler.ts';
import { startQueuedRuns } from './start-runs.ts';
import { addRun, clear, dagOf, parseDag, runState, setTask, statesOf, TestScheduler } from './test-scheduler.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
let one: TestScheduler;
let other: TestScheduler;
beforeAll(async () => {
  database = await testDatabase();
  one = await TestScheduler.start(database.dsn, 'scheduler-1');
  other = await TestScheduler.start(database.dsn, 'scheduler-2');
});
afterEach(async () => {
  await clear(one.pool);
});
afterAll(async () => {
  await one.stop();
  await other.stop();
  await database.close();
});

describe('scheduled runs', () => {
  const dag = dagOf('minutely', [{ task_id: 'a', upstream: [] }], {
    start_date: new Date(Math.floor(Date.now() / 60_000) * 60_000 - 5 * 60_000).toISOString(),
    end_date: null,
    catchup: true,
  });

  it('are created one a loop until as many as max_active_runs are queued or running', async () => {
    await parseDag(one.pool, dag);
    for (let i = 0; i < 8; i++) await createDueRuns(one.scheduling);
    const { rows } = await one.pool.query('SELECT run_id, logical_date, run_after FROM dag_run ORDER BY logical_date');
    expect(rows).toHaveLength(4);
    expect(rows[0].run_id).toBe(`scheduled__${dag.start_date.replace('.000Z', '+00:00')}`);
    expect(rows[0].logical_date).toEqual(rows[0].run_after);
    const { rows: models } = await one.pool.query('SELECT exceeds_max_non_backfill FROM dag');
    expect(models).toEqual([{ exceeds_max_non_backfill: true }]);
  });

  it('are admitted again when one has ended', async () => {
    await parseDag(one.pool, { ...dag, max_active_runs: 1 });
    await schedulingPass(one.scheduling);
    await one.pool.query(`UPDATE task_instance SET state = 'success'`);
    await examineRuns(one.scheduling);
    await createDueRuns(one.scheduling);
    const { rows } = await one.pool.query('SELECT state FROM dag_run ORDER BY logical_date');
    expect(rows.map(({ state }) => state)).toEqual(['success', 'queued']);
  });

  it('are not made twice by two schedulers', async () => {
    await parseDag(one.pool, dag);
    await Promise.all([createDueRuns(one.scheduling), createDueRuns(other.scheduling)]);
    const { rows } = await one.pool.query(
      'SELECT count(DISTINCT logical_date) AS dates, count(*) AS runs FROM dag_run',
    );
    expect(rows[0].dates).toBe(rows[0].runs);
  });

  it('skip a date that a user has taken, and go on with the next', async () => {
    await parseDag(one.pool, dag);
    await addRun(one.pool, 'minutely', 'mine', { logical_date: new Date(dag.start_date) });
    await createDueRuns(one.scheduling);
    await createDueRuns(one.scheduling);
    const { rows } = await one.pool.query(`SELECT run_id FROM dag_run WHERE run_type = 'scheduled'`);
    expect(rows).toHaveLength(1);
  });
});

describe('max_active_runs', () => {
  it('is kept by two schedulers that start runs at the same moment', async () => {
    await parseDag(one.pool, dagOf('d', [{ task_id: 'a', upstream: [] }], { max_active_runs: 3 }));
    for (let i = 0; i < 12; i++) await addRun(one.pool, 'd', `m${i}`);
    for (let i = 0; i < 4; i++) {
      await Promise.all([one, other, one, other].map(({ scheduling }) => startQueuedRuns(scheduling)));
    }
    const { rows } = await one.pool.query(`SELECT count(*) AS running FROM dag_run WHERE state = 'running'`);
    expect(rows).toEqual([{ running: 3 }]);
  });

  it('of a backfill counts its runs alone, and a paused one starts none', async () => {
    await parseDag(one.pool, dagOf('d', [{ task_id: 'a', upstream: [] }], { max_active_runs: 1 }));
    const ids = await addBackfill(one, 'd', 5, 2);
    await addRun(one.pool, 'd', 'manual');
    await startQueuedRuns(one.scheduling);
    const running = async () => {
      const { rows } = await one.pool.query(
        `SELECT backfill_id IS NOT NULL AS backfill, count(*) AS n FROM dag_run WHERE state = 'running' GROUP BY 1 ORDER BY 1`,
      );
      return rows;
    };
    expect(await running()).toEqual([
      { backfill: false, n: 1 },
      { backfill: true, n: 2 },
    ]);
    await one.pool.query(`UPDATE backfill SET is_paused = true`);
    await one.pool.query(`UPDATE dag_run SET state = 'success' WHERE id = $1`, [ids[0]]);
    await startQueuedRuns(one.scheduling);
    expect(await running()).toEqual([
      { backfill: false, n: 1 },
      { backfill: true, n: 1 },
    ]);
  });
});

describe('a run', () => {
  it('with a failure is tried again under a new number, and fails when the tries are used up', async () => {
    await parseDag(
      one.pool,
      dagOf('d', [
        { task_id: 'a', upstream: [], retries: 1 },
        { task_id: 'b', upstream: ['a'] },
      ]),
    );
    await addRun(one.pool, 'd', 'r');
    expect(await schedulingPass(one.scheduling)).toBe(1);
    await setTask(one.pool, 'r', 'a', { state: 'up_for_retry', end_date: new Date() });
    expect(await schedulingPass(one.scheduling)).toBe(0);
    await setTask(one.pool, 'r', 'a', { end_date: new Date(Date.now() - 1_100) });
    expect(await schedulingPass(one.scheduling)).toBe(1);
    const { rows } = await one.pool.query(
      `SELECT state, try_number, queued_by_job_id FROM task_instance WHERE task_id = 'a'`,
    );
    expect(rows).toEqual([{ state: 'queued', try_number: 2, queued_by_job_id: one.scheduling.jobId }]);
    await setTask(one.pool, 'r', 'a', { state: 'failed' });
    await schedulingPass(one.scheduling);
    expect(await statesOf(one.pool, 'r')).toEqual({ a: 'failed', b: 'upstream_failed' });
    await schedulingPass(one.scheduling);
    expect(await runState(one.pool, 'r')).toBe('failed');
  });

  it('keeps the try number of what is rescheduled', async () => {
    await parseDag(one.pool, dagOf('d', [{ task_id: 'a', upstream: [] }]));
    await addRun(one.pool, 'd', 'r');
    await schedulingPass(one.scheduling);
    await setTask(one.pool, 'r', 'a', { state: 'up_for_reschedule' });
    await one.pool.query(
      `INSERT INTO task_reschedule (ti_id, start_date, end_date, duration, reschedule_date)
       SELECT id, now(), now(), 0, now() - interval '1 second' FROM task_instance`,
    );
    expect(await schedulingPass(one.scheduling)).toBe(1);
    const { rows } = await one.pool.query('SELECT state, try_number FROM task_instance');
    expect(rows).toEqual([{ state: 'queued', try_number: 1 }]);
  });

  it('is examined by one scheduler at a time, and not at all while its DAG is paused', async () => {
    await parseDag(one.pool, dagOf('d', [{ task_id: 'a', upstream: [] }]));
    const id = await addRun(one.pool, 'd', 'r');
    await startQueuedRuns(one.scheduling);
    await transaction(other.pool, async (tx) => {
      await tx.query('SELECT 1 FROM dag_run WHERE id = $1 FOR NO KEY UPDATE', [id]);
      await examineRuns(one.scheduling);
    });
    expect(await statesOf(one.pool, 'r')).toEqual({ a: null });
    await one.pool.query('UPDATE dag SET is_paused = true');
    await examineRuns(one.scheduling);
    expect(await statesOf(one.pool, 'r')).toEqual({ a: null });
    await one.pool.query('UPDATE dag SET is_paused = false');
    await examineRuns(one.scheduling);
    expect(await statesOf(one.pool, 'r')).toEqual({ a: 'scheduled' });
  });

  it('follows a new version of its DAG with what is scheduled and unfinished', async () => {
    const tasks = ['a', 'b', 'c'].map((task_id, i) => ({ task_id, upstream: i === 2 ? ['a', 'b'] : [] }));
    await parseDag(one.pool, dagOf('d', tasks));
    await addRun(one.pool, 'd', 'r');
    await schedulingPass(one.scheduling);
    await setTask(one.pool, 'r', 'a', { state: 'success' });
    await parseDag(one.pool, dagOf('d', tasks, { revision: 2 }));
    await schedulingPass(one.scheduling);
    const { rows } = await one.pool.query(
      `SELECT task_id, version_number FROM task_instance JOIN dag_version ON dag_version.id = dag_version_id ORDER BY 1`,
    );
    // NULL is not in State.unfinished's SQL: what nobody has scheduled keeps its version, as in Airflow.
    expect(rows.map(({ version_number }) => version_number)).toEqual([1, 2, 1]);
  });

  it('is tried again after a deadlock with a worker, as often as Airflow tries', async () => {
    await parseDag(one.pool, dagOf('d', [{ task_id: 'a', upstream: [] }]));
    await addRun(one.pool, 'd', 'r');
    await startQueuedRuns(one.scheduling);
    let attempts = 0;
    const behaviour = {
      ...one.scheduling.behaviour,
      assignDagVersion: async () => {
        attempts += 1;
        if (attempts < 3) throw Object.assign(new Error('deadlock detected'), { code: '40P01' });
      },
    };
    await one.pool.query(`UPDATE task_instance SET dag_version_id = NULL`);
    await examineRuns({ ...one.scheduling, behaviour });
    expect(attempts).toBe(3);
    expect(await statesOf(one.pool, 'r')).toEqual({ a: 'scheduled' });
    attempts = -1;
    await expect(examineRuns({ ...one.scheduling, behaviour })).rejects.toThrow('deadlock');
  });
});

describe('the critical section', () => {
  const wide = dagOf(
    'wide',
    Array.from({ length: 6 }, (_, i) => ({ task_id: `t${i}`, upstream: [] })),
  );
  const queued = async () => {
    const { rows } = await one.pool.query<{ n: number }>(
      `SELECT count(*) AS n FROM task_instance WHERE state = 'queued'`,
    );
    return rows[0]?.n;
  };
  beforeEach(async () => {
    await parseDag(one.pool, wide);
    await addRun(one.pool, 'wide', 'r');
    await startQueuedRuns(one.scheduling);
    await examineRuns(one.scheduling);
  });
  afterEach(() => one.pool.query('UPDATE slot_pool SET slots = 4096'));

  it("gives out a pool's free slots and no more", async () => {
    await one.pool.query('UPDATE slot_pool SET slots = 4');
    await Promise.all([queueTasks(one.scheduling), queueTasks(other.scheduling)]);
    await queueTasks(one.scheduling);
    expect(await queued()).toBe(4);
    await setTask(one.pool, 'r', (await queuedTask()) ?? '', { state: 'success' });
    await queueTasks(other.scheduling);
    expect(await queued()).toBe(4);
  });

  it('keeps max_active_tasks of a DAG run', async () => {
    await one.pool.query('UPDATE dag SET max_active_tasks = 2');
    await queueTasks(one.scheduling);
    await queueTasks(one.scheduling);
    expect(await queued()).toBe(2);
  });

  it('leaves out a task instance that somebody else holds', async () => {
    await transaction(other.pool, async (tx) => {
      await tx.query(`SELECT 1 FROM task_instance WHERE task_id = 't0' FOR UPDATE`);
      expect(await queueTasks(one.scheduling)).toHaveLength(5);
    });
    expect(await queueTasks(one.scheduling)).toHaveLength(1);
  });

  it('is left alone while another scheduler is in it', async () => {
    await transaction(other.pool, async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock(2)');
      expect(await queueTasks(one.scheduling)).toEqual([]);
    });
  });

  async function queuedTask(): Promise<string | undefined> {
    const { rows } = await one.pool.query<{ task_id: string }>(
      `SELECT task_id FROM task_instance WHERE state = 'queued' LIMIT 1`,
    );
    return rows[0]?.task_id;
  }
});

describe('a backfill', () => {
  const completed = async () => {
    const { rows } = await one.pool.query<{ completed: boolean }>(
      'SELECT completed_at IS NOT NULL AS completed FROM backfill ORDER BY id',
    );
    return rows.map((row) => row.completed);
  };

  it('is complete when its runs have ended, and not while they are being created', async () => {
    await parseDag(one.pool, dagOf('d', [{ task_id: 'a', upstream: [] }]));
    await addBackfill(one, 'd', 2, 10);
    await addBackfill(one, 'd', 0, 10);
    await completeBackfills(one.scheduling);
    expect(await completed()).toEqual([false, false]);
    await one.pool.query(`UPDATE dag_run SET state = 'success'`);
    await completeBackfills(one.scheduling);
    expect(await completed()).toEqual([true, false]);
  });

  it('that never got a run is given up in time', async () => {
    await parseDag(one.pool, dagOf('d', [{ task_id: 'a', upstream: [] }]));
    await addBackfill(one, 'd', 0, 10);
    await one.pool.query(`UPDATE backfill SET created_at = now() - interval '21 seconds'`);
    await completeBackfills(one.scheduling);
    expect(await completed()).toEqual([true]);
  });

  it('is looked for by a statement that the harness counts', async () => {
    await completeBackfills(one.scheduling);
    await one.pool.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    const { rows } = await one.pool.query(
      `SELECT query FROM pg_stat_statements
       WHERE query ILIKE 'SELECT backfill.%completed_at IS NULL%NOT (EXISTS%FROM dag_run%'`,
    );
    expect(rows).toHaveLength(1);
  });
});

/** What POST /backfills leaves behind; the ids of the runs. */
async function addBackfill(
  { pool }: TestScheduler,
  dagId: string,
  runs: number,
  max: number,
): Promise<readonly number[]> {
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
