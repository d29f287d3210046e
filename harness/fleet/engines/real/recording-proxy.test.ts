import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Operation } from '../../../model/operation.ts';
import { RunClock } from '../../../run-folder/clock.ts';
import { CancelSource } from '../../../worker/cancel.ts';
import type { Answer, OperationLog } from '../../../worker/requests.ts';
import { HttpTransport } from '../../http-transport.ts';
import type { PassedRequest } from './passed-request.ts';
import { type PassedLife, RecordingProxy } from './recording-proxy.ts';

const STATE = 'task-instances/x/state';
const clock = new RunClock();
let server: Server;
let transport: HttpTransport;
let proxy: RecordingProxy;
/** What came to the API server, and how it answers. */
let came: { readonly headers: IncomingMessage['headers']; readonly text: string; readonly url: string }[];
let answers: number[];
let rows: Operation[];
let cancel: CancelSource;
let life: PassedLife;
let seen: (readonly [PassedRequest, Answer['outcome']])[];
let dropsAnswer: boolean;
let failures: Error[];

beforeEach(async () => {
  came = [];
  answers = [];
  rows = [];
  seen = [];
  dropsAnswer = false;
  failures = [];
  server = createServer(async (incoming, response) => {
    let text = '';
    for await (const chunk of incoming) text += chunk;
    came.push({ headers: incoming.headers, text, url: incoming.url ?? '' });
    const status = answers.shift() ?? 200;
    response.writeHead(status, { 'content-type': 'application/json', 'refreshed-api-token': 'newer' });
    response.end(JSON.stringify({ detail: { reason: 'not_running', current_state: 'skipped' } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/execution`;
  transport = new HttpTransport([url], 2, 1_000);
  let next = 1;
  const operationLog: OperationLog = {
    correlation: 'abcd',
    takeNumber: () => next++,
    sent: () => undefined,
    recordOperation: (row) => void rows.push(row),
  };
  proxy = await RecordingProxy.open({ transport, operationLog, clock, fail: (error) => void failures.push(error) });
  cancel = new CancelSource();
  life = {
    subject: {
      actor: 'life',
      life: 7,
      worker: 'w-7',
      dag_id: 'wt_a',
      run_id: 'r',
      task_id: 't',
      map_index: -1,
      try_number: 1,
      ti_id: 'x',
    },
    cancel,
    before: async () => ({ heldMs: 0, dropAnswer: dropsAnswer }),
    after: (passed, { outcome }) => void seen.push([passed, outcome]),
  };
  proxy.begin(7, life);
});

afterEach(async () => {
  expect(failures).toEqual([]);
  await proxy.close();
  await transport.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** As httpx sends: the status, headers and text, or undefined where the connection ended without an answer. */
function send(method: string, route: string, text = '', lifeNumber = 7) {
  return new Promise<{ status: number; headers: IncomingMessage['headers']; text: string } | undefined>((resolve) => {
    const url = proxy.urlOf(lifeNumber) + route;
    const headers = {
      authorization: 'Bearer secret-token',
      'airflow-api-version': '2026-06-30',
      'correlation-id': 'of-the-worker',
      'user-agent': 'apache-airflow-task-sdk/1.3.2',
      'content-type': 'application/json',
    };
    const sent = request(url, { method, headers }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: body });
    });
    sent.on('error', () => resolve(undefined));
    sent.end(text);
  });
}

test('what passes is as the worker sent it, but for the correlation id of the record', async () => {
  const answer = await send('PATCH', `${STATE}?a=1`, '{"state": "success", "x": 1.0}');
  expect(answer?.status).toBe(200);
  expect(answer?.headers['refreshed-api-token']).toBe('newer');
  expect(came).toHaveLength(1);
  expect(came[0]?.url).toBe(`/execution/${STATE}?a=1`);
  expect(came[0]?.text).toBe('{"state": "success", "x": 1.0}');
  expect(came[0]?.headers).toMatchObject({
    authorization: 'Bearer secret-token',
    'airflow-api-version': '2026-06-30',
    'user-agent': 'apache-airflow-task-sdk/1.3.2',
    'correlation-id': 'abcd-1',
  });
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({
    ...{ op: 1, life: 7, worker: 'w-7', kind: 'state', requested: 'success', attempt: 1 },
    ...{ outcome: 'ok', status: 200, correlation_id: 'abcd-1' },
  });
  expect(JSON.stringify(rows)).not.toContain('secret-token');
});

test('an equal request after one without an answer is its next attempt, after an answer a new request', async () => {
  answers = [500, 200, 409];
  for (let i = 0; i < 3; i++) await send('PATCH', STATE, '{"state":"success"}');
  await send('PUT', 'task-instances/x/heartbeat', '{}');
  expect(rows.map(({ kind, attempt, outcome }) => [kind, attempt, outcome])).toEqual([
    ['state', 1, 'unknown'],
    ['state', 2, 'ok'],
    ['state', 1, 'refused'],
    ['heartbeat', 1, 'ok'],
  ]);
  expect(rows[2]).toMatchObject({ reason: 'not_running', found_state: 'skipped' });
  expect(seen.map(([{ kind }, outcome]) => [kind, outcome])).toEqual([
    ['state', 'unknown'],
    ['state', 'ok'],
    ['state', 'refused'],
    ['heartbeat', 'ok'],
  ]);
});

test('an answer that is to get lost does not reach the worker, and the server has done it', async () => {
  dropsAnswer = true;
  expect(await send('PATCH', STATE, '{"state":"success"}')).toBeUndefined();
  expect(came).toHaveLength(1);
  expect(rows[0]).toMatchObject({ outcome: 'unknown', cause: 'answer-dropped' });
});

test('a life that has ended, or never was, gets no further than here', async () => {
  proxy.end(7);
  expect((await send('PATCH', STATE, '{}'))?.status).toBe(404);
  expect((await send('PATCH', STATE, '{}', 8))?.status).toBe(404);
  expect(came).toEqual([]);
});

test('when the run ends, a worker that waits gets no answer', async () => {
  cancel.cancel();
  expect(await send('PATCH', STATE, '{}')).toBeUndefined();
  expect(rows).toEqual([]);
});

test('an error of the harness ends the run, and the worker gets no answer', async () => {
  const before = async () => {
    throw new Error('broken');
  };
  proxy.begin(7, { ...life, before });
  expect(await send('PATCH', STATE, '{}')).toBeUndefined();
  expect(failures.splice(0).map(({ message }) => message)).toEqual(['broken']);
});
