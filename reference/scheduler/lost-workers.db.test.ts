import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Delivery } from '../../harness/handoff/delivery.ts';
import { Dispatcher } from '../../harness/handoff/dispatcher.ts';
import type { TaskKey, Workload } from '../../harness/handoff/workload.ts';
import { testDatabase } from '../database/test-database.ts';
import { chosenDefects, withDefects } from '../defects/index.ts';
import { normal } from '../normal.ts';
import { TIMES } from '../settings.ts';
import { processExecutorEvents } from './events.ts';
import { adoptOrReset } from './orphans.ts';
import { reportSilent, unstick } from './overdue.ts';
import { schedulingPass } from './scheduler.ts';
import { addRun, clear, dagOf, parseDag, setTask, statesOf, TestScheduler } from './test-scheduler.ts';

const DAG = dagOf('d', [
  { task_id: 'a', upstream: [], retries: 1 },
  { task_id: 'b', upstream: [] },
]);

let database: Awaited<ReturnType<typeof testDatabase>>;
let folder: string;
let dispatcher: Dispatcher;
let workloads: Workload[];
let deliveries: Delivery[];
let revoked: TaskKey[];
let one: TestScheduler;
beforeAll(async () => {
  database = await testDatabase();
  folder = await mkdtemp(path.join(os.tmpdir(), 'wt-hand-off-'));
});
beforeEach(async () => {
  dispatcher = await listen();
  one = await TestScheduler.start(database.dsn, 'scheduler-1', dispatcher.address);
  await parseDag(one.pool, DAG);
  await addRun(one.pool, 'd', 'r');
  await schedulingPass(one.scheduling);
  await vi.waitFor(() => expect(workloads).toHaveLength(2));
});
afterEach(async () => {
  await clear(one.pool);
  await one.pool.query(`UPDATE job SET state = 'success'`);
  await one.stop();
  await dispatcher.close();
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await database.close();
});

async function listen(): Promise<Dispatcher> {
  workloads = [];
  deliveries = [];
  revoked = [];
  return Dispatcher.listen({
    address: `unix:${path.join(folder, 'hand-off.sock')}`,
    onWorkload(workload, _from, delivery) {
      workloads.push(workload);
      deliveries.push(delivery);
    },
    onRevoke: (key) => revoked.push(key),
    // Schedulers learn of every end, whatever has been handed over since.
    welcome: { behaviour: 'local', task_uuid: false },
  });
}

function idOf(task: string): string {
  return workloads.find(({ ti }) => ti.task_id === task)?.ti.id ?? '';
}

async function tasks() {
  const { rows } = await one.pool.query<{
    id: string;
    task_id: string;
    state: string | null;
    try_number: number;
    queued_by_job_id: number | null;
  }>('SELECT id::text AS id, task_id, state, try_number, queued_by_job_id FROM task_instance ORDER BY task_id');
  return rows;
}

async function history() {
  const { rows } = await one.pool.query(
    'SELECT task_instance_id::text AS id, state, try_number FROM task_instance_history',
  );
  return rows;
}

async function logged(event: string): Promise<number> {
  const { rows } = await one.pool.query<{ n: number }>('SELECT count(*) AS n FROM log WHERE event = $1', [event]);
  return rows[0]?.n ?? 0;
}

/** Ends the lives, and waits until the executor knows it. */
async function endLives(...ids: readonly string[]): Promise<void> {
  for (const id of ids) dispatcher.end(id, 'success');
  await vi.waitFor(() => expect(dispatcher.known().owed).toBe(0));
}

describe("an executor's event", () => {
  it('about a try that ended well changes nothing', async () => {
    await setTask(one.pool, 'r', 'a', { state: 'success' });
    await endLives(idOf('a'));
    await processExecutorEvents(one.scheduling);
    expect(await statesOf(one.pool, 'r')).toEqual({ a: 'success', b: 'queued' });
    expect(await logged('state mismatch')).toBe(0);
  });

  it('about a try that runs in the database fails it, and a running one gets a history and a new id', async () => {
    await setTask(one.pool, 'r', 'a', { state: 'running', start_date: new Date() });
    await setTask(one.pool, 'r', 'b', { state: 'running', start_date: new Date() });
    await endLives(idOf('a'), idOf('b'));
    await processExecutorEvents(one.scheduling);
    expect(await statesOf(one.pool, 'r')).toEqual({ a: 'up_for_retry', b: 'failed' });
    expect(await history()).toEqual([{ id: idOf('a'), state: 'failed', try_number: 1 }]);
    expect((await tasks())[0]?.id).not.toBe(idOf('a'));
    expect(await logged('state mismatch')).toBe(2);
  });

  it('that comes after the next try began says nothing about that one', async () => {
    await setTask(one.pool, 'r', 'a', { state: 'running', try_number: 2 });
    await endLives(idOf('a'));
    await processExecutorEvents(one.scheduling);
    expect((await statesOf(one.pool, 'r')).a).toBe('running');
  });

  it.each(['scheduled', 'queued'])('does nothing about a deferral with a trigger that has fired: %s', async (state) => {
    await setTask(one.pool, 'r', 'a', { state, next_method: 'execute_complete' });
    await endLives(idOf('a'));
    await processExecutorEvents(one.scheduling);
    expect((await statesOf(one.pool, 'r')).a).toBe(state);
  });

  it('about a try that has not begun fails it, and keeps it', async () => {
    await endLives(idOf('a'));
    await processExecutorEvents(one.scheduling);
    expect((await statesOf(one.pool, 'r')).a).toBe('up_for_retry');
    expect(await history()).toEqual([{ id: idOf('a'), state: 'failed', try_number: 1 }]);
  });

  const reschedule = () =>
    one.pool.query(
      `INSERT INTO task_reschedule (ti_id, start_date, end_date, duration, reschedule_date)
       VALUES ($1, now(), now(), 0, now())`,
      [idOf('a')],
    );

  it('does nothing about a sensor that is to look again', async () => {
    await setTask(one.pool, 'r', 'a', { state: 'scheduled' });
    await reschedule();
    await endLives(idOf('a'));
    await processExecutorEvents(one.scheduling);
    expect((await statesOf(one.pool, 'r')).a).toBe('scheduled');
  });

  it.each([
    ['late-news-scheduled', 'scheduled', 'execute_complete'],
    ['late-news-queued', 'queued', 'execute_complete'],
    ['late-news-rescheduled', 'scheduled', null],
  ])('fails a task in its next part where the defect %s is on', async (defect, state, next_method) => {
    await setTask(one.pool, 'r', 'a', { state, next_method });
    await reschedule();
    if (next_method !== null) await one.pool.query('DELETE FROM task_reschedule');
    await endLives(idOf('a'));
    const behaviour = withDefects(normal, chosenDefects([defect]));
    await processExecutorEvents({ ...one.scheduling, behaviour });
    expect((await statesOf(one.pool, 'r')).a).toBe('up_for_retry');
  });

  it.each([
    ['from its beginning', [], null],
    ['where it was resumed, with the defect', ['restart-resumes'], 'execute_complete'],
  ])('about a task that was cleared while it ran lets it begin again %s', async (_where, defects, next_method) => {
    await setTask(one.pool, 'r', 'a', { state: 'restarting', next_method: 'execute_complete' });
    await endLives(idOf('a'));
    await processExecutorEvents({ ...one.scheduling, behaviour: withDefects(normal, chosenDefects(defects)) });
    const { rows } = await one.pool.query("SELECT state, next_method FROM task_instance WHERE task_id = 'a'");
    expect(rows).toEqual([{ state: null, next_method }]);
  });
});

describe('a scheduler that died', () => {
  const die = () =>
    one.pool.query('UPDATE job SET latest_heartbeat = $2 WHERE id = $1', [
      one.scheduling.jobId,
      new Date(Date.now() - TIMES.schedulerDeadMs - 1_000),
    ]);

  it('leaves its tasks to another one, which hears of their ends from then on', async () => {
    await setTask(one.pool, 'r', 'a', { state: 'running', last_heartbeat_at: new Date() });
    await die();
    const other = await TestScheduler.start(database.dsn, 'scheduler-2', dispatcher.address);
    await adoptOrReset(other.scheduling);
    expect((await tasks()).map(({ id, queued_by_job_id }) => [id, queued_by_job_id])).toEqual([
      [idOf('a'), other.scheduling.jobId],
      [idOf('b'), other.scheduling.jobId],
    ]);
    await endLives(idOf('a'));
    await processExecutorEvents(other.scheduling);
    expect((await statesOf(one.pool, 'r')).a).toBe('up_for_retry');
    await other.stop();
  });

  it('leaves a task to another, which takes the end of the adopted part for no end of the next part', async () => {
    await setTask(one.pool, 'r', 'a', { state: 'running', last_heartbeat_at: new Date() });
    await die();
    const other = await TestScheduler.start(database.dsn, 'scheduler-2', dispatcher.address);
    await adoptOrReset(other.scheduling);
    const first = workloads.findIndex(({ ti }) => ti.task_id === 'a') + 1;
    dispatcher.leave(first);
    await setTask(one.pool, 'r', 'a', { state: 'scheduled', next_method: 'execute_complete' });
    await schedulingPass(other.scheduling);
    await vi.waitFor(() => expect(workloads).toHaveLength(3));
    await setTask(one.pool, 'r', 'a', { state: 'running' });
    dispatcher.end(first, 'success');
    await vi.waitFor(() => expect(dispatcher.known().owed).toBe(0));
    await processExecutorEvents(other.scheduling);
    expect((await statesOf(one.pool, 'r')).a).toBe('running');
    await endLives(idOf('a'));
    await processExecutorEvents(other.scheduling);
    expect((await statesOf(one.pool, 'r')).a).toBe('up_for_retry');
    await other.stop();
  });

  it('leaves what no worker plays any more to a new try under a new id', async () => {
    await dispatcher.close();
    dispatcher = await listen(); // A harness that remembers nothing.
    await setTask(one.pool, 'r', 'a', { state: 'running', last_heartbeat_at: new Date() });
    const before = await tasks();
    await die();
    const other = await TestScheduler.start(database.dsn, 'scheduler-2', dispatcher.address);
    await adoptOrReset(other.scheduling);
    expect(await statesOf(one.pool, 'r')).toEqual({ a: null, b: null });
    expect((await history()).map(({ state }) => state)).toEqual(['failed', 'failed']);
    expect((await tasks()).map(({ id }) => id)).not.toEqual(before.map(({ id }) => id));
    await other.stop();
  });

  it('leaves them to one of two that look at the same moment', async () => {
    await die();
    const others = await Promise.all(
      ['scheduler-2', 'scheduler-3'].map((name) => TestScheduler.start(database.dsn, name, dispatcher.address)),
    );
    await Promise.all(others.map(({ scheduling }) => adoptOrReset(scheduling)));
    const ours = (await tasks()).map((ti) =>
      others.map(({ scheduling }) => scheduling.executor.has({ ...ti, dag_id: 'd', run_id: 'r', map_index: -1 })),
    );
    for (const [i, ti] of (await tasks()).entries()) {
      expect(ours[i]).toEqual(others.map(({ scheduling }) => ti.queued_by_job_id === scheduling.jobId));
    }
    for (const other of others) await other.stop();
  });

  it('that is alive keeps its own', async () => {
    const other = await TestScheduler.start(database.dsn, 'scheduler-2', dispatcher.address);
    await adoptOrReset(other.scheduling);
    expect((await tasks()).map(({ queued_by_job_id }) => queued_by_job_id)).toEqual([
      one.scheduling.jobId,
      one.scheduling.jobId,
    ]);
    await other.stop();
  });
});

it('fails the task of a worker that stopped sending heartbeats', async () => {
  await setTask(one.pool, 'r', 'a', {
    state: 'running',
    last_heartbeat_at: new Date(Date.now() - TIMES.heartbeatTimeoutMs - 1_000),
  });
  await setTask(one.pool, 'r', 'b', {
    state: 'running',
    last_heartbeat_at: new Date(Date.now() - TIMES.heartbeatTimeoutMs + 5_000),
  });
  await reportSilent(one.scheduling);
  await processExecutorEvents(one.scheduling);
  expect(await statesOf(one.pool, 'r')).toEqual({ a: 'up_for_retry', b: 'running' });
  expect(await logged('heartbeat timeout')).toBe(1);
  // Its end comes late, and belongs to no try any more.
  await endLives(idOf('a'));
  expect(one.scheduling.executor.takeEvents(0)).toEqual([]);
});

it('takes back what is stuck in the queue, twice, and then fails it', async () => {
  const age = () =>
    one.pool.query('UPDATE task_instance SET queued_dttm = $1', [new Date(Date.now() - TIMES.queuedTimeoutMs - 1_000)]);
  for (const expected of ['scheduled', 'scheduled', 'failed']) {
    await age();
    await unstick(one.scheduling);
    expect(await statesOf(one.pool, 'r')).toEqual({ a: expected, b: expected });
    if (expected === 'scheduled') await schedulingPass(one.scheduling);
  }
  await vi.waitFor(() => expect(revoked).toHaveLength(6));
  expect((await tasks()).map(({ try_number }) => try_number)).toEqual([1, 1]);
});

describe('the hand-off', () => {
  it('sends again what was not acknowledged, and the harness takes it for the same delivery', async () => {
    await dispatcher.close();
    await addRun(one.pool, 'd', 'later');
    await schedulingPass(one.scheduling);
    dispatcher = await listen();
    await vi.waitFor(() => expect(workloads).toHaveLength(2), 3_000);
    expect(workloads.map(({ ti }) => ti.run_id)).toEqual(['later', 'later']);
    expect(dispatcher.known()).toMatchObject({ delivered: 2, repeated: 0 });
  });

  it.each([
    ['hears nothing of the part before', [], 0, true],
    ['takes its end for that of this one, with the defect', ['late-news-running'], 1, false],
  ])('of a task in its next part %s', async (_what, defects, events, has) => {
    const changes = withDefects(normal, chosenDefects(defects));
    const other = await TestScheduler.start(database.dsn, 'scheduler-2', dispatcher.address, changes);
    await addRun(one.pool, 'd', 'parts');
    await schedulingPass(other.scheduling);
    await vi.waitFor(() => expect(workloads).toHaveLength(4));
    const at = workloads.findIndex(({ ti }) => ti.run_id === 'parts' && ti.task_id === 'a');
    deliveries[at]?.leave();
    await setTask(one.pool, 'parts', 'a', { state: 'scheduled', next_method: 'execute_complete' });
    await schedulingPass(other.scheduling);
    await vi.waitFor(() => expect(workloads).toHaveLength(5));
    deliveries[at]?.end('success');
    await vi.waitFor(() => expect(dispatcher.known().owed).toBe(0));
    expect(other.scheduling.executor.takeEvents(0)).toHaveLength(events);
    const key = { dag_id: 'd', run_id: 'parts', task_id: 'a', map_index: -1, try_number: 1 };
    expect(other.scheduling.executor.has(key)).toBe(has);
    await other.stop();
  });

  it('delivers a workload as often as the behaviour says, each time as another delivery', async () => {
    const twice = await TestScheduler.start(database.dsn, 'scheduler-2', dispatcher.address, { deliveries: () => 2 });
    await addRun(one.pool, 'd', 'more');
    await schedulingPass(twice.scheduling);
    await vi.waitFor(() => expect(dispatcher.known().repeated).toBe(2));
    await twice.stop();
  });
});
