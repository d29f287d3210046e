import { expect, it } from 'vitest';

import { runState, setTask, statesOf } from '../../scheduler/test-scheduler.ts';
import { onApi, type TestApi } from '../test-api.ts';

let api: TestApi;
onApi((started) => {
  api = started;
});

const clearAll = (dag: string, more: object) =>
  api.user('POST', `/api/v2/dags/${dag}/clearTaskInstances`, { dry_run: false, only_failed: false, ...more });

it('gives a token to every client, and accepts it; another is refused', async () => {
  const got = await api.user('POST', '/auth/token', {});
  expect(got.status).toBe(201);
  const authorization = `Bearer ${got.body.access_token}`;
  expect(await api.user('GET', '/api/v2/dags', undefined, { authorization })).toMatchObject({ status: 200 });
  const nonsense = { authorization: 'Bearer nonsense' };
  expect(await api.user('GET', '/api/v2/dags', undefined, nonsense)).toMatchObject({
    status: 403,
    body: { detail: 'Invalid JWT token' },
  });
});

it('triggers a run with all its task instances, and refuses its id a second time', async () => {
  await api.run('triggered', [
    { task_id: 'a', upstream: [] },
    { task_id: 'b', upstream: ['a'] },
  ]);
  const body = { logical_date: null, dag_run_id: 'mine', conf: { x: 1 } };
  const trigger = () => api.user('POST', '/api/v2/dags/triggered/dagRuns', body);
  expect(await trigger()).toMatchObject({
    status: 200,
    body: {
      dag_run_id: 'mine',
      state: 'queued',
      run_type: 'manual',
      conf: { x: 1 },
      triggering_user_name: 'Anonymous',
    },
  });
  expect(await statesOf(api.pool, 'mine')).toEqual({ a: null, b: null });
  expect(await trigger()).toMatchObject({ status: 409, body: { detail: { reason: 'Unique constraint violation' } } });
  const missing = await api.user('POST', '/api/v2/dags/triggered/dagRuns', {});
  expect(missing).toMatchObject({
    status: 422,
    body: { detail: [{ type: 'missing', loc: ['body', 'logical_date'] }] },
  });
});

it('clears a running task: it restarts under a new id, and its worker gets 410', async () => {
  const run = await api.run('cleared', [
    { task_id: 'a', upstream: [] },
    { task_id: 'done', upstream: [], retries: 2 },
  ]);
  const id = await api.started(run);
  await setTask(api.pool, run, 'done', { state: 'success', try_number: 3 });
  await api.pool.query(`UPDATE dag_run SET state = 'success' WHERE run_id = $1`, [run]);
  const got = await clearAll('cleared', { dag_run_id: run });
  expect(got).toMatchObject({ status: 200, body: { total_entries: 2 } });
  expect(await statesOf(api.pool, run)).toEqual({ a: 'restarting', done: null });
  expect(await api.row(run, 'done')).toMatchObject({ max_tries: 5 });
  expect(await api.beat(id)).toMatchObject({ status: 410 });
  const { rows } = await api.pool.query('SELECT state, clear_number FROM dag_run WHERE run_id = $1', [run]);
  expect(rows).toEqual([{ state: 'queued', clear_number: 1 }]);
  const history = await api.pool.query(
    'SELECT task_id, state, end_date IS NULL AS open FROM task_instance_history WHERE run_id = $1 ORDER BY task_id',
    [run],
  );
  expect(history.rows).toMatchObject([
    { task_id: 'a', state: 'failed', open: false },
    { task_id: 'done', state: 'success' },
  ]);
});

it('clears nothing in a dry run, which is the default', async () => {
  const run = await api.run('dry');
  const id = await api.started(run);
  const body = { dag_run_id: run, only_failed: false };
  const got = await api.user('POST', '/api/v2/dags/dry/clearTaskInstances', body);
  expect(got).toMatchObject({ status: 200, body: { total_entries: 1 } });
  expect(await api.beat(id)).toMatchObject({ status: 204 });
});

it('keeps a running task when it is asked to', async () => {
  const run = await api.run('kept');
  const id = await api.started(run);
  expect(await clearAll('kept', { dag_run_id: run, prevent_running_task: true })).toMatchObject({ status: 409 });
  expect(await api.beat(id)).toMatchObject({ status: 204 });
});

it('does not lose the end that a worker reports while the task is being cleared', async () => {
  const run = await api.run('raced', [{ task_id: 'a', upstream: [], retries: 1 }]);
  for (let round = 0; round < 10; round++) {
    const id = await api.started(run);
    const [ended, cleared] = await Promise.all([api.end(id, 'success'), clearAll('raced', { dag_run_id: run })]);
    expect(cleared.status).toBe(200);
    const { rows } = await api.pool.query('SELECT state FROM task_instance_history WHERE task_instance_id = $1', [id]);
    const kept = rows.map(({ state }) => state).join();
    // The report came first, or it found a task instance that is gone.
    expect([`204 success`, `404 failed`, '404 ']).toContain(`${ended.status} ${kept}`);
    await api.pool.query('DELETE FROM task_instance_history WHERE run_id = $1', [run]);
  }
});

it('marks a task, and clears the tasks that failed after it', async () => {
  const run = await api.run('marked', [
    { task_id: 'a', upstream: [] },
    { task_id: 'b', upstream: ['a'] },
  ]);
  await setTask(api.pool, run, 'a', { state: 'failed' });
  await setTask(api.pool, run, 'b', { state: 'upstream_failed' });
  const path = `/api/v2/dags/marked/dagRuns/${run}/taskInstances/a`;
  expect(await api.user('PATCH', path, { new_state: 'success' })).toMatchObject({ status: 200 });
  expect(await statesOf(api.pool, run)).toEqual({ a: 'success', b: null });
  expect(await api.user('PATCH', path, { new_state: 'success' })).toMatchObject({
    status: 409,
    body: { detail: 'Task id a is already in success state' },
  });
  const nowhere = await api.user('PATCH', `${path}lpha`, { new_state: 'success' });
  expect(nowhere).toMatchObject({ status: 404, body: { detail: "Task 'alpha' not found in Dag 'marked'" } });
});

it('marks a run: what works gets the state, what has not begun is skipped', async () => {
  const tasks = ['a', 'done', 'none'].map((task_id) => ({ task_id, upstream: [] }));
  const run = await api.run('ended', tasks);
  await api.started(run);
  await setTask(api.pool, run, 'done', { state: 'success' });
  const got = await api.user('PATCH', `/api/v2/dags/ended/dagRuns/${run}`, { state: 'failed' });
  expect(got).toMatchObject({ status: 200, body: { state: 'failed' } });
  expect(await statesOf(api.pool, run)).toEqual({ a: 'failed', done: 'success', none: 'skipped' });
  expect(await runState(api.pool, run)).toBe('failed');
});

it('pauses a DAG, changes the slots of the default pool and nothing else of it, and makes a pool once', async () => {
  await api.run('paused');
  const paused = await api.user('PATCH', '/api/v2/dags/paused?update_mask=is_paused', { is_paused: true });
  expect(paused).toMatchObject({ status: 200, body: { dag_id: 'paused', is_paused: true } });
  const slots = await api.user('PATCH', '/api/v2/pools/default_pool?update_mask=slots', { slots: 7 });
  expect(slots).toMatchObject({ status: 200, body: { name: 'default_pool', slots: 7 } });
  expect(await api.user('PATCH', '/api/v2/pools/default_pool', { slots: 8 })).toMatchObject({ status: 400 });
  expect(await api.user('GET', '/api/v2/pools/nowhere')).toMatchObject({ status: 404 });
  const narrow = { name: 'narrow', slots: 2 };
  expect(await api.user('POST', '/api/v2/pools', narrow)).toMatchObject({ status: 201, body: narrow });
  expect(await api.user('POST', '/api/v2/pools', narrow)).toMatchObject({ status: 409 });
});

it('reports as healthy what has sent a heartbeat lately', async () => {
  await api.pool.query(`INSERT INTO job (job_type, state, latest_heartbeat) VALUES
    ('SchedulerJob', 'running', now()), ('DagProcessorJob', 'running', now() - interval '2 minutes')`);
  expect(await api.user('GET', '/api/v2/monitor/health')).toMatchObject({
    status: 200,
    body: {
      metadatabase: { status: 'healthy' },
      scheduler: { status: 'healthy' },
      dag_processor: { status: 'unhealthy' },
      triggerer: { status: null, latest_triggerer_heartbeat: null },
    },
  });
});

it('deletes a run beside a scheduler that writes one of its tasks twice', async () => {
  const run = await api.run('deleted', [
    { task_id: 'a', upstream: [] },
    { task_id: 'b', upstream: [] },
  ]);
  const scheduler = await api.pool.connect();
  const write = () =>
    scheduler.query("UPDATE task_instance SET queue = 'other' WHERE run_id = $1 AND task_id = 'a'", [run]);
  try {
    await scheduler.query('BEGIN');
    await write();
    const deleted = api.user('DELETE', `/api/v2/dags/deleted/dagRuns/${run}`);
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    await expect.poll(async () => (await api.pool.query(waiting)).rowCount).toBe(1);
    await write();
    await scheduler.query('COMMIT');
    expect(await deleted).toMatchObject({ status: 204 });
  } finally {
    scheduler.release();
  }
  expect((await api.pool.query('SELECT 1 FROM task_instance WHERE run_id = $1', [run])).rowCount).toBe(0);
});

it('answers 404 to a result that comes while its run is deleted', async () => {
  const run = await api.run('pushed');
  const id = await api.started(run);
  const operator = await api.pool.connect();
  try {
    await operator.query('BEGIN');
    await operator.query('SELECT 1 FROM task_instance WHERE run_id = $1 FOR UPDATE', [run]);
    const pushed = api.worker('POST', `/xcoms/pushed/${run}/a/return_value`, {
      raw: '1',
      token: await api.token(id),
    });
    const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    await expect.poll(async () => (await api.pool.query(waiting)).rowCount).toBe(1);
    await operator.query('DELETE FROM dag_run WHERE run_id = $1', [run]);
    await operator.query('COMMIT');
    expect(await pushed).toMatchObject({ status: 404 });
  } finally {
    operator.release();
  }
});
