import { expect, it } from 'vitest';

import { setTask, statesOf } from '../../scheduler/test-scheduler.ts';
import { BEGIN, END, onApi, type TestApi, WORKER } from '../test-api.ts';

let api: TestApi;
onApi((started) => {
  api = started;
});

const IMPOSTOR = { hostname: 'w-2', pid: 18 };

it('plays a whole life: start, rendered fields, heartbeat, result, success', async () => {
  const run = await api.run('whole');
  const id = await api.queued(run);
  const started = await api.start(id, { start_date: BEGIN });
  expect(started).toMatchObject({ status: 200, body: { max_tries: 0, should_retry: false, xcom_keys_to_clear: [] } });
  expect(started.body.dag_run).toMatchObject({ dag_id: 'whole', run_id: run, run_type: 'manual', conf: {} });
  const fields = await api.worker('PUT', `/task-instances/${id}/rtif`, { body: { bash_command: 'echo 1' } });
  expect(fields).toMatchObject({ status: 201, body: { message: 'Rendered task instance fields successfully set' } });
  expect(await api.beat(id)).toMatchObject({ status: 204 });
  const token = await api.token(id);
  const xcom = `/xcoms/whole/${run}/a/return_value`;
  expect(await api.worker('POST', xcom, { token, body: [1] })).toMatchObject({ status: 201 });
  expect(await api.worker('GET', xcom, { token })).toMatchObject({ status: 200, body: { value: [1] } });
  expect(await api.end(id, 'success', { task_outlets: [], outlet_events: [] })).toMatchObject({ status: 204 });
  expect(await api.row(run)).toMatchObject({ id, state: 'success', duration: 5, end_date: new Date(END) });
  const { rows } = await api.pool.query('SELECT event FROM log WHERE run_id = $1 ORDER BY id', [run]);
  expect(rows).toEqual([{ event: 'running' }, { event: 'success' }]);
});

it('takes a start that is sent again for the same one, and refuses another worker', async () => {
  const run = await api.run('again');
  const id = await api.started(run);
  expect(await api.start(id)).toMatchObject({ status: 200 });
  const message = 'TI was not in a state where it could be marked as running';
  expect(await api.start(id, IMPOSTOR)).toMatchObject({
    status: 409,
    body: { detail: { reason: 'invalid_state', message, previous_state: 'running' } },
  });
  const { rows } = await api.pool.query(`SELECT event FROM log WHERE run_id = $1`, [run]);
  expect(rows).toEqual([{ event: 'running' }]);
});

it('answers a replayed end 200, and refuses one that says something else', async () => {
  const id = await api.started(await api.run('replayed'));
  await api.end(id, 'success');
  expect(await api.end(id, 'success')).toMatchObject({ status: 200, body: {} });
  expect(await api.end(id, 'failed')).toMatchObject({
    status: 409,
    body: { detail: { reason: 'invalid_state', previous_state: 'success' } },
  });
});

it('answers an impostor, and the worker of a task that does not run, why their heartbeat is refused', async () => {
  const run = await api.run('refused');
  const id = await api.started(run);
  expect(await api.beat(id, IMPOSTOR)).toMatchObject({
    status: 409,
    body: { detail: { reason: 'running_elsewhere', current_hostname: WORKER.hostname, current_pid: WORKER.pid } },
  });
  await setTask(api.pool, run, 'a', { state: 'skipped' });
  expect(await api.beat(id)).toMatchObject({
    status: 409,
    body: { detail: { reason: 'not_running', current_state: 'skipped' } },
  });
});

it('distinguishes an id that never existed (404) from one of an earlier try (410)', async () => {
  const run = await api.run('earlier', [{ task_id: 'a', upstream: [], retries: 1 }]);
  const id = await api.started(run);
  expect(await api.end(id, 'up_for_retry', { retry_reason: 'try harder' })).toMatchObject({ status: 204 });
  expect(await api.beat(id)).toMatchObject({ status: 410, body: { detail: { reason: 'not_found' } } });
  const fields = await api.worker('PUT', `/task-instances/${id}/rtif`, { body: { a: 1 } });
  expect(fields).toMatchObject({ status: 410 });
  expect(await api.end(id, 'success')).toMatchObject({ status: 404 });
  expect(await api.beat('00000000-0000-0000-0000-000000000000')).toMatchObject({ status: 404 });
});

it('keeps the try that is to be retried in the history, under its old id', async () => {
  const run = await api.run('retried', [{ task_id: 'a', upstream: [], retries: 1 }]);
  const id = await api.started(run);
  await api.end(id, 'up_for_retry', { retry_delay_seconds: 3, retry_reason: 'x'.repeat(600) });
  const { id: next, ...row } = await api.row(run);
  expect(next).not.toBe(id);
  expect(row).toMatchObject({ state: 'up_for_retry', duration: 5, retry_delay_override: 3 });
  expect(row.retry_reason).toHaveLength(500);
  const { rows } = await api.pool.query('SELECT * FROM task_instance_history WHERE run_id = $1', [run]);
  expect(rows).toMatchObject([{ task_instance_id: id, state: 'failed', try_number: 1, duration: 5 }]);
});

it('lets all of many writers of rendered fields win', async () => {
  const run = await api.run('fields');
  const id = await api.started(run);
  const write = (n: number) => api.worker('PUT', `/task-instances/${id}/rtif`, { body: { n } });
  const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => write(n)));
  expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(201));
  const { rows } = await api.pool.query('SELECT * FROM rendered_task_instance_fields WHERE run_id = $1', [run]);
  expect(rows).toHaveLength(1);
});

it('skips what has not begun, and leaves alone what runs or has ended', async () => {
  const tasks = ['a', 'none', 'queued', 'running', 'done'].map((task_id) => ({ task_id, upstream: [] }));
  const run = await api.run('skips', tasks);
  const id = await api.started(run);
  await api.started(run, 'running');
  await setTask(api.pool, run, 'queued', { state: 'queued' });
  await setTask(api.pool, run, 'done', { state: 'success' });
  const body = { tasks: ['none', ['queued', -1], 'running', 'done'] };
  const skipped = await api.worker('PATCH', `/task-instances/${id}/skip-downstream`, { body });
  expect(skipped).toMatchObject({ status: 204 });
  expect(await statesOf(api.pool, run)).toEqual({
    a: 'running',
    done: 'success',
    none: 'skipped',
    queued: 'skipped',
    running: 'running',
  });
});

it('defers a task, and hands its method and arguments to the worker that continues', async () => {
  const run = await api.run('deferred');
  const id = await api.started(run);
  const body = { state: 'deferred', classpath: 'x.Y', trigger_kwargs: { a: 1 }, next_method: 'execute_complete' };
  const deferral = { ...body, trigger_timeout: 'PT1H' };
  const deferred = await api.worker('PATCH', `/task-instances/${id}/state`, { body: deferral });
  expect(deferred).toMatchObject({ status: 204 });
  const { rows } = await api.pool.query(
    'SELECT classpath, kwargs FROM trigger JOIN task_instance ON trigger_id = trigger.id',
  );
  expect(rows).toEqual([{ classpath: 'x.Y', kwargs: '{"a":1}' }]);
  await setTask(api.pool, run, 'a', { state: 'queued', next_kwargs: '{"event": 1}' });
  const resumed = await api.start(id, { start_date: '2026-11-22T00:00:00Z' });
  expect(resumed.body).toMatchObject({ next_method: 'execute_complete', next_kwargs: { event: 1 }, start_date: BEGIN });
  expect(await api.row(run)).toMatchObject({ state: 'running', start_date: new Date(BEGIN) });
});

it('fails the task when a worker asks for a state that is not its to ask for', async () => {
  const run = await api.run('odd');
  const id = await api.started(run);
  const odd = await api.worker('PATCH', `/task-instances/${id}/state`, { body: { state: 'scheduled' } });
  expect(odd).toMatchObject({ status: 204 });
  expect(await api.row(run)).toMatchObject({ state: 'failed' });
});

it('reschedules a task, and answers with the first of its starts', async () => {
  const run = await api.run('rescheduled');
  const id = await api.started(run);
  expect(await api.end(id, 'up_for_reschedule', { reschedule_date: '2040-01-01T00:00:00Z' })).toMatchObject({
    status: 204,
  });
  const first = await api.worker('GET', `/task-reschedules/${id}/start_date`);
  expect(first.status).toBe(200);
  expect(String(first.body)).toMatch(/Z$/);
  await setTask(api.pool, run, 'a', { state: 'queued' });
  expect(await api.start(id)).toMatchObject({ body: { task_reschedule_count: 1 } });
});

it('refuses who has a token of before a deferred task was queued again, and takes its new one', async () => {
  const run = await api.run('resumed');
  const id = await api.started(run);
  const ago = Math.floor(Date.now() / 1000) - 30;
  const old = await api.token(id, { iat: ago });
  const deferral = {
    state: 'deferred',
    classpath: 'x.Y',
    trigger_kwargs: {},
    next_method: 'execute_complete',
  };
  const defer = () => api.worker('PATCH', `/task-instances/${id}/state`, { token: old, body: deferral });
  expect(await defer()).toMatchObject({ status: 204 });
  await setTask(api.pool, run, 'a', { state: 'queued', queued_dttm: new Date() });
  const begin = { state: 'running', ...WORKER, unixname: 'sim', start_date: BEGIN };
  const start = (token: string) => api.worker('PATCH', `/task-instances/${id}/run`, { token, body: begin });
  const refusal = { status: 409, body: { detail: { reason: 'invalid_state' } } };
  expect(await start(old)).toMatchObject(refusal);
  expect(await start(await api.token(id))).toMatchObject({ status: 200 });
  expect(await defer()).toMatchObject(refusal);
  expect(await statesOf(api.pool, run)).toEqual({ a: 'running' });
});
