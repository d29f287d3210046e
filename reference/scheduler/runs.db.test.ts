import { describe, expect, it } from 'vitest';
import { transaction } from '../database/connect.ts';
import { TIMES } from '../settings.ts';
import { completeBackfills } from './backfills.ts';
import { createDueRuns } from './create-runs.ts';
import { examineRuns } from './examine-runs.ts';
import { schedulingPass } from './scheduler.ts';
import { startQueuedRuns } from './start-runs.ts';
import {
  addBackfill,
  addRun,
  dagOf,
  onTwoSchedulers,
  parseDag,
  runState,
  setTask,
  statesOf,
  type TestScheduler,
} from './test-scheduler.ts';

let one: TestScheduler;
let other: TestScheduler;
onTwoSchedulers((...both) => {
  [one, other] = both;
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

  it('follows a new version of its DAG with all that is unfinished', async () => {
    const tasks = ['a', 'b', 'c'].map((task_id, i) => ({ task_id, upstream: i === 2 ? ['a', 'b'] : [] }));
    await parseDag(one.pool, dagOf('d', tasks));
    await addRun(one.pool, 'd', 'r');
    await schedulingPass(one.scheduling);
    await setTask(one.pool, 'r', 'a', { state: 'success' });
    await parseDag(one.pool, dagOf('d', tasks, { revision: 2 }));
    await schedulingPass(one.scheduling);
    const { rows } = await one.pool.query(
      `SELECT task_id, version_number
       FROM task_instance JOIN dag_version ON dag_version.id = dag_version_id ORDER BY 1`,
    );
    // What is not scheduled yet, too, as in 3.1 and 3.4. 3.2 and 3.3 leave it out (version-skips-stateless).
    expect(rows.map(({ version_number }) => version_number)).toEqual([1, 2, 2]);
  });

  it.each(['40P01', '25006'])('is tried again after %s, as often as Airflow tries after a deadlock', async (code) => {
    await parseDag(one.pool, dagOf('d', [{ task_id: 'a', upstream: [] }]));
    await addRun(one.pool, 'd', 'r');
    await startQueuedRuns(one.scheduling);
    let attempts = 0;
    const behaviour = {
      ...one.scheduling.behaviour,
      assignDagVersion: async () => {
        attempts += 1;
        if (attempts < 3) throw Object.assign(new Error('not this time'), { code });
      },
    };
    await one.pool.query(`UPDATE task_instance SET dag_version_id = NULL`);
    await examineRuns({ ...one.scheduling, behaviour });
    expect(attempts).toBe(3);
    expect(await statesOf(one.pool, 'r')).toEqual({ a: 'scheduled' });
    attempts = -1;
    await expect(examineRuns({ ...one.scheduling, behaviour })).rejects.toThrow('not this time');
  });
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
    await addBackfill(one.pool, 'd', 2, 10);
    await addBackfill(one.pool, 'd', 0, 10);
    await completeBackfills(one.scheduling);
    expect(await completed()).toEqual([false, false]);
    await one.pool.query(`UPDATE dag_run SET state = 'success'`);
    await completeBackfills(one.scheduling);
    expect(await completed()).toEqual([true, false]);
  });

  it('that never got a run is given up in time', async () => {
    await parseDag(one.pool, dagOf('d', [{ task_id: 'a', upstream: [] }]));
    await addBackfill(one.pool, 'd', 0, 10);
    await one.pool.query('UPDATE backfill SET created_at = $1', [
      new Date(Date.now() - TIMES.backfillAbandonedMs - 1_000),
    ]);
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
