import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rng } from '../model/rng.ts';
import { RunClock } from '../run-folder/clock.ts';
import { RunFolder } from '../run-folder/writer.ts';
import { type RequestSpec, Requests, type RequestsOptions } from '../worker/requests.ts';
import { HttpTransport } from './http-transport.ts';
import { RunOperationLog } from './operation-log.ts';

let folder: string;
let server: Server;
let url: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let record: RunFolder;
let transport: HttpTransport;
let options: RequestsOptions;
let client: Requests;
const clock = new RunClock();

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  record = new RunFolder(path.join(folder, 'run'));
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/execution`;
  transport = new HttpTransport([url], 2, 300);
  options = { transport, attempts: 3, clock, operationLog: new RunOperationLog(record) };
  client = new Requests(options);
});

afterEach(async () => {
  await transport.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await record.close();
  rmSync(folder, { recursive: true, force: true });
});

const SUBJECT = {
  actor: 'life',
  life: 0,
  worker: 'w-1',
  dag_id: 'wt_a',
  run_id: 'r',
  task_id: 't',
  map_index: -1,
  try_number: 1,
  ti_id: 'x',
} as const;

function spec(over: Partial<RequestSpec> = {}): RequestSpec {
  return {
    subject: SUBJECT,
    kind: 'heartbeat',
    method: 'PUT',
    path: '/x',
    body: {},
    bearer: { token: 'secret-token' },
    intendedMs: clock.now(),
    ...over,
  };
}

async function operations(): Promise<Record<string, unknown>[]> {
  await record.flush();
  const text = readFileSync(path.join(record.path, 'raw', 'operations.ndjson'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
}

const never = new AbortController().signal;

test('a refusal is recorded with its reason and never retried', async () => {
  answer = (_request, response) => {
    response.statusCode = 409;
    response.end(JSON.stringify({ detail: { reason: 'not_running', message: 'no longer', current_state: 'skipped' } }));
  };
  const got = await client.send(spec(), new Rng(1), never);
  expect(got).toMatchObject({ outcome: 'refused', status: 409, reason: 'not_running' });
  expect(await operations()).toMatchObject([
    { status: 409, reason: 'not_running', found_state: 'skipped', message: 'no longer', attempt: 1 },
  ]);
});

test('a compressed answer is read', async () => {
  answer = (_request, response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync(JSON.stringify({ detail: { reason: 'not_running' } })));
  };
  expect(await client.sendOnce(spec(), never)).toMatchObject({ body: { detail: { reason: 'not_running' } } });
});

test('what was sent before counts as tries', async () => {
  answer = (_request, response) => {
    response.statusCode = 500;
    response.end();
  };
  await client.send(spec(), new Rng(1), never, 5);
  expect((await operations()).map(({ attempt }) => attempt)).toEqual([6, 7, 8]);
});

test('a 5xx is unknown and is retried until it is answered', async () => {
  let asked = 0;
  answer = (_request, response) => {
    response.statusCode = ++asked === 1 ? 500 : 204;
    response.end();
  };
  expect(await client.send(spec(), new Rng(1), never)).toMatchObject({ outcome: 'ok', status: 204 });
  expect(await operations()).toMatchObject([
    { status: 500, outcome: 'unknown', attempt: 1 },
    { status: 204, outcome: 'ok', attempt: 2 },
  ]);
});

test.each([
  [true, 'the pause that it asks for'],
  [false, 'its own pause'],
])('a 503 is sent again by a client that honours Retry-After (%s) after %s', async (honoursRetryAfter) => {
  const asked: number[] = [];
  const asking = new Requests({ ...options, honoursRetryAfter });
  answer = (_request, response) => {
    asked.push(clock.now());
    response.statusCode = asked.length === 1 ? 503 : 204;
    if (asked.length === 1) response.setHeader('Retry-After', '0');
    response.end();
  };
  expect(await asking.send(spec(), new Rng(1), never)).toMatchObject({ outcome: 'ok', status: 204 });
  // A pause of the client's own lasts a second at least.
  expect(Number(asked[1]) - Number(asked[0]) < 900).toBe(honoursRetryAfter);
  expect(await operations()).toMatchObject([{ status: 503, retry_after: true }, { status: 204 }]);
});

test('a pause that would outlast the run is cut, and one that cannot be read is not obeyed', async () => {
  const pauseFor = async (header: string) => {
    answer = (_request, response) => {
      response.writeHead(503, { 'Retry-After': header });
      response.end();
    };
    return (await client.sendOnce(spec(), never)).retryAfterMs;
  };
  expect(await pauseFor('3')).toBe(3_000);
  expect(await pauseFor('86400')).toBe(10_000);
  expect(await pauseFor('Wed, 21 Oct 2026 07:28:00 GMT')).toBeNull();
});

test('no answer in time is unknown, with the cause', async () => {
  answer = () => undefined;
  expect(await client.sendOnce(spec(), never)).toMatchObject({ outcome: 'unknown', status: null });
  expect(await operations()).toMatchObject([{ outcome: 'unknown', status: null, cause: 'UND_ERR_HEADERS_TIMEOUT' }]);
});

test('a dropped answer is unknown to the client though the server gave it, and is sent again', async () => {
  answer = (_request, response) => response.end('{}');
  expect(await client.send(spec({ dropAnswer: true }), new Rng(1), never)).toMatchObject({ outcome: 'ok' });
  expect(await operations()).toMatchObject([
    { outcome: 'unknown', status: null, cause: 'answer-dropped', attempt: 1 },
    { outcome: 'ok', status: 200, attempt: 2 },
  ]);
});

test('waiting for a connection shows as lateness of ours, not as latency of the server', async () => {
  answer = (_request, response) => void setTimeout(() => response.end('{}'), 150);
  await Promise.all([1, 2, 3, 4].map(() => client.sendOnce(spec(), never)));
  const late = (await operations()).map((row) => Number(row.sent_ms) - Number(row.intended_ms));
  expect(late.filter((ms) => ms > 100).length).toBe(2);
});

test('a run that ends leaves the request unanswered in the record', async () => {
  answer = () => undefined;
  const over = new AbortController();
  const sent = client.sendOnce(spec(), over.signal);
  setTimeout(() => over.abort(), 50);
  await sent;
  expect(await operations()).toMatchObject([{ outcome: 'unknown', ended_ms: null, cause: 'run-ended' }]);
});

test('no token reaches the record', async () => {
  answer = (_request, response) => {
    response.setHeader('Refreshed-API-Token', 'another-secret');
    response.end('{}');
  };
  const bearer = { token: 'secret-token' };
  await client.sendOnce(spec({ bearer }), never);
  expect(bearer.token).toBe('another-secret');
  expect(JSON.stringify(await operations())).not.toMatch(/secret/);
});
