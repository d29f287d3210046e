import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { transaction } from '../database/connect.ts';
import { examineRuns } from './examine-runs.ts';
import { queueTasks } from './queue-tasks.ts';
import { startQueuedRuns } from './start-runs.ts';
import {
  addBackfill,
  addRun,
  dagOf,
  onTwoSchedulers,
  parseDag,
  setTask,
  type TestScheduler,
} from './test-scheduler.ts';

let one: TestScheduler;
let other: TestScheduler;
onTwoSchedulers((...both) => {
  [one, other] = both;
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
    const ids = await addBackfill(one.pool, 'd', 5, 2);
    await addRun(one.pool, 'd', 'manual');
    await startQueuedRuns(one.scheduling);
    const running = async () => {
      const { rows } = await one.pool.query(
        `SELECT backfill_id IS NOT NULL AS backfill, count(*) AS n FROM dag_run WHERE state = 'running'
         GROUP BY 1 ORDER BY 1`,
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

  it('leaves out a task instance that another transaction has locked', async () => {
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

it('keeps the limit of one task per DAG and per run, and counts its deferred instances', async () => {
  const tasks = [
    { task_id: 'dag', upstream: [], mapped: 3, max_active_tis_per_dag: 3 },
    { task_id: 'run', upstream: [], mapped: 3, max_active_tis_per_dagrun: 1 },
  ];
  await parseDag(one.pool, dagOf('m', tasks));
  for (const run of ['r1', 'r2']) await addRun(one.pool, 'm', run);
  await startQueuedRuns(one.scheduling);
  await examineRuns(one.scheduling);
  await queueTasks(one.scheduling);
  await one.pool.query(`UPDATE task_instance SET state = 'deferred' WHERE state = 'queued'`);
  await queueTasks(other.scheduling);
  const { rows } = await one.pool.query(
    `SELECT task_id, state, count(*) AS n FROM task_instance GROUP BY task_id, state ORDER BY task_id, state`,
  );
  expect(rows).toEqual([
    { task_id: 'dag', state: 'deferred', n: 3 },
    { task_id: 'dag', state: 'scheduled', n: 3 },
    { task_id: 'run', state: 'deferred', n: 2 },
    { task_id: 'run', state: 'scheduled', n: 4 },
  ]);
});

it('queues what has the larger priority_weight first, and from the pool that its task names', async () => {
  await one.pool.query(
    `INSERT INTO slot_pool (pool, slots, description, include_deferred) VALUES ('narrow', 1, '', false)`,
  );
  const tasks = [
    { task_id: 'low', upstream: [], pool: 'narrow' },
    { task_id: 'high', upstream: [], pool: 'narrow', priority_weight: 5 },
    { task_id: 'wide', upstream: [] },
  ];
  await parseDag(one.pool, dagOf('p', tasks));
  await addRun(one.pool, 'p', 'r');
  await startQueuedRuns(one.scheduling);
  await examineRuns(one.scheduling);
  const chosen = await queueTasks(one.scheduling);
  expect(chosen.map(({ task_id }) => task_id)).toEqual(['high', 'wide']);
  await one.pool.query(`DELETE FROM slot_pool WHERE pool = 'narrow'`);
});

it('expands a mapped task when the run is made, and queues no more of it than max_active_tasks', async () => {
  const tasks = [
    { task_id: 'list', upstream: [] },
    { task_id: 'each', upstream: ['list'], mapped: 3 },
  ];
  await parseDag(one.pool, dagOf('m', tasks, { max_active_tasks: 2 }));
  await addRun(one.pool, 'm', 'r');
  await setTask(one.pool, 'r', 'list', { state: 'success' });
  await startQueuedRuns(one.scheduling);
  await examineRuns(one.scheduling);
  await queueTasks(one.scheduling);
  await queueTasks(one.scheduling);
  const { rows } = await one.pool.query(
    `SELECT map_index, state FROM task_instance WHERE task_id = 'each' ORDER BY map_index`,
  );
  expect(rows).toEqual([
    { map_index: 0, state: 'queued' },
    { map_index: 1, state: 'queued' },
    { map_index: 2, state: 'scheduled' },
  ]);
});
