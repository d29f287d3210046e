import { beforeAll, expect, it } from 'vitest';

import { BEGIN, onApi, type TestApi, WORKER } from '../test-api.ts';
import { secondsNow } from '../tokens.ts';

let api: TestApi;
let id: string;
onApi((started) => {
  api = started;
});
beforeAll(async () => {
  id = await api.started(await api.run('refusals'));
});

const heartbeat = () => `/task-instances/${id}/heartbeat`;

async function problems(path: string, body: unknown): Promise<unknown> {
  const { status, body: answer } = await api.worker('PATCH', path, { body });
  expect(status).toBe(422);
  return answer.detail;
}

it('says of each field what is wrong with it, in the order of the fields', async () => {
  const start = { state: 'queued', hostname: 3, unixname: 'u', pid: 'a', start_date: '2026-11-21T10:00:00', extra: 1 };
  expect(await problems(`/task-instances/${id}/run`, start)).toEqual([
    {
      type: 'literal_error',
      loc: ['body', 'state'],
      msg: "Input should be <TaskInstanceState.RUNNING: 'running'>",
      input: 'queued',
      ctx: { expected: "<TaskInstanceState.RUNNING: 'running'>" },
    },
    { type: 'string_type', loc: ['body', 'hostname'], msg: 'Input should be a valid string', input: 3 },
    {
      type: 'int_parsing',
      loc: ['body', 'pid'],
      msg: 'Input should be a valid integer, unable to parse string as an integer',
      input: 'a',
    },
    {
      type: 'timezone_aware',
      loc: ['body', 'start_date'],
      msg: 'Input should have timezone info',
      input: '2026-11-21T10:00:00',
    },
    { type: 'extra_forbidden', loc: ['body', 'extra'], msg: 'Extra inputs are not permitted', input: 1 },
  ]);
});

it('shows the whole body beside a field that is missing', async () => {
  const { detail } = (await api.beat(id, { hostname: 'h' })).body;
  expect(detail).toEqual([{ type: 'missing', loc: ['body', 'pid'], msg: 'Field required', input: { hostname: 'h' } }]);
});

it('complains about an end report in the name of every payload that it might have been', async () => {
  const detail = (await problems(`/task-instances/${id}/state`, { state: 'success' })) as { loc: unknown[] }[];
  expect(new Set(detail.map(({ loc }) => loc[1]))).toEqual(
    new Set(['_terminal_', 'success', '_other_', 'deferred', 'up_for_reschedule', 'awaiting_input', 'up_for_retry']),
  );
  expect(detail.filter(({ loc }) => loc[1] === 'success')).toEqual([
    { type: 'missing', loc: ['body', 'success', 'end_date'], msg: 'Field required', input: { state: 'success' } },
  ]);
});

it('complains about a task marker as each of the two things that it might be', async () => {
  expect(await problems(`/task-instances/${id}/skip-downstream`, { tasks: ['a', ['b']] })).toEqual([
    { type: 'string_type', loc: ['body', 'tasks', 1, 'str'], msg: 'Input should be a valid string', input: ['b'] },
    { type: 'missing', loc: ['body', 'tasks', 1, 'tuple[str, int]', 1], msg: 'Field required', input: ['b'] },
  ]);
});

it('reads the body before the token: broken JSON is 422 even without one', async () => {
  for (const [raw, at] of [
    ['{', 1],
    ['{"a":1,}', 7],
    ['{"state":"run', 9],
    ['nonsense', 0],
  ] as const) {
    const got = await api.worker('PUT', heartbeat(), { raw, token: null });
    expect(got).toMatchObject({ status: 422, body: { detail: [{ type: 'json_invalid', loc: ['body', at] }] } });
  }
  expect(await api.worker('PUT', heartbeat(), { raw: '' })).toMatchObject({
    status: 422,
    body: { detail: [{ type: 'missing', loc: ['body'], input: null }] },
  });
});

it('refuses a request without a token (401), and one with an invalid token (403)', async () => {
  const send = async (token: string | null) => {
    const { status, body } = await api.worker('PUT', heartbeat(), { token, body: WORKER });
    return `${status} ${body.detail ?? ''}`;
  };
  const now = secondsNow();
  expect(await send(null)).toBe('401 Missing auth token');
  expect(await send('nonsense')).toBe('403 Invalid auth token');
  expect(await send(await api.token(id, { exp: now - 60 }))).toBe('403 Invalid auth token');
  expect(await send(await api.token(id, { nbf: now + 60 }))).toBe('403 Invalid auth token');
  const other = await api.token('00000000-0000-0000-0000-000000000000');
  expect(await send(other)).toBe('403 Token subject does not match task instance ID');
  const queued = await api.token(id, { scope: 'workload' });
  const allowed = "Token type 'workload' not allowed for this endpoint. Allowed types: execution";
  expect(await send(queued)).toBe(`403 ${allowed}`);
});

it("takes the queue's token at the start, and gives the worker's for it", async () => {
  const run = await api.run('queue');
  const own = await api.queued(run);
  const token = await api.token(own, { scope: 'workload' });
  const body = { state: 'running', unixname: 'sim', start_date: BEGIN, ...WORKER };
  const started = await api.worker('PATCH', `/task-instances/${own}/run`, { token, body });
  const fresh = started.headers.get('refreshed-api-token');
  expect(started.status).toBe(200);
  const beat = await api.worker('PUT', `/task-instances/${own}/heartbeat`, { token: fresh, body: WORKER });
  expect(beat.status).toBe(204);
});

it('replaces a token in the last fifth of its life, and not before', async () => {
  const now = secondsNow();
  const refreshed = async (iat: number, exp: number) => {
    const token = await api.token(id, { iat, nbf: iat, exp });
    return (await api.worker('PUT', heartbeat(), { token, body: WORKER })).headers.get('refreshed-api-token');
  };
  expect(await refreshed(now - 500, now + 700)).toBeNull();
  expect(await refreshed(now - 900, now + 100)).not.toBeNull();
  expect(await refreshed(now - 30, now + 25)).not.toBeNull();
});

it('echoes the correlation id, and answers a version that is older than all with 404', async () => {
  const headers = { 'correlation-id': 'abc' };
  const got = await api.worker('PUT', heartbeat(), { body: WORKER, headers });
  expect(got.headers.get('correlation-id')).toBe('abc');
  expect(got.headers.get('airflow-api-version')).toBe('2026-06-30');
  const old = { headers: { 'airflow-api-version': '2024-01-01' } };
  expect(await api.worker('GET', '/health', { token: null, ...old })).toMatchObject({ status: 404 });
});

it('answers an older client in the words of its version', async () => {
  const own = await api.queued(await api.run('older'));
  const body = { state: 'running', unixname: 'sim', start_date: BEGIN, ...WORKER };
  const headers = { 'airflow-api-version': '2025-11-05' };
  const { body: context } = await api.worker('PATCH', `/task-instances/${own}/run`, { body, headers });
  expect(context).toMatchObject({ upstream_map_indexes: null });
  const run = context.dag_run as Record<string, unknown>;
  expect(run.start_date).toBe(run.run_after);
  expect(Object.keys(run)).not.toContain('partition_key');
  expect(Object.keys(run)).not.toContain('team_name');
});
