import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { STEADY_HABITS } from '../../../workloads/shapes.ts';
import type { ClockReading } from '../../model/clock-offset.ts';
import type { Operation } from '../../model/operation.ts';
import { RunClock } from '../../run-folder/clock.ts';
import { RunFolder } from '../../run-folder/writer.ts';
import { CancelSource } from '../../worker/cancel.ts';
import { workerClient } from '../../worker/client.ts';
import { Hazards } from '../../worker/hazards.ts';
import type { LifeSpec } from '../../worker/life-spec.ts';
import type { Lease, ProgressReply, ProgressReport } from '../../worker/remote.ts';
import { RemoteClock } from '../../worker/remote-clock.ts';
import { RunOperationLog } from '../operation-log.ts';
import { RemoteWorkerServer, type RemoteWorkerServerOptions } from './remote-worker-server.ts';

const TOKEN = 'a secret of the run';

let folder: string;
let record: RunFolder;
let server: RemoteWorkerServer;
let operationLog: RunOperationLog;
let hazards: Hazards;
let appended: Operation[];
let lost: number[];
let readings: [process: string, reading: ClockReading][];

async function open(options: Partial<RemoteWorkerServerOptions> = {}): Promise<void> {
  server = await RemoteWorkerServer.open({
    listen: '127.0.0.1:0',
    token: TOKEN,
    executionUrls: ['http://one', 'http://two'],
    clock: new RunClock(),
    operationLog,
    hazards,
    windows: () => [],
    onLost: ({ life }) => lost.push(life),
    onReading: (process, reading) => readings.push([process, reading]),
    ...options,
  });
}

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  record = new RunFolder(path.join(folder, 'run'));
  appended = [];
  record.append = (_table, row) => appended.push(row as Operation);
  operationLog = new RunOperationLog(record);
  hazards = new Hazards();
  lost = [];
  readings = [];
});

afterEach(async () => {
  await server.close();
  await record.close();
  rmSync(folder, { recursive: true, force: true });
});

function specOf(life: number): LifeSpec {
  return {
    life,
    duplicateOf: null,
    worker: `w-${life}`,
    pid: 1000 + life,
    workload: {
      token: 'token',
      ti: { id: `ti-${life}`, dag_id: 'wt_a', run_id: 'r', task_id: 't', map_index: -1, try_number: 1 },
    },
    task: { task_id: 't', upstream: [], duration_ms: [1, 1] },
    fleet: { habits: STEADY_HABITS, heartbeat_ms: 100, timeout_ms: 100, retries: 1, connections: 1 },
    client: workerClient(undefined),
    follows: [],
    outlets: [],
    triggers: null,
    handedMs: 5,
    seed: 1,
    name: `wt_a/t/-1/${life}`,
    turn: 0,
  };
}

function hooks() {
  const seen = { startedMs: 0, left: 0, revoked: false };
  return {
    seen,
    cancel: new CancelSource(),
    isRevoked: () => seen.revoked,
    onRealWorker: () => undefined,
    onSupervisorEnd: () => undefined,
    withholdNews: () => false,
    reportEnd: () => undefined,
    onRevoked: () => undefined,
    onStarted: (atMs: number) => {
      seen.startedMs = atMs;
    },
    onLeaving: () => {
      seen.left++;
    },
  };
}

async function post(route: string, body: object, token = TOKEN) {
  const answer = await fetch(`${server.url}${route}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, connection: 'close' },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, text, json: () => JSON.parse(text) };
}

const ask = () => post('/leases', {});
const report = (given: Partial<ProgressReport>): ProgressReport => ({
  process: 'k6-a',
  operations: [],
  sent: 0,
  hits: [],
  ...given,
});
const request = (op: number, duplicate_of: number | null = null) =>
  ({ op, duplicate_of, life: 1, kind: 'rtif', intended_ms: 1, sent_ms: 2, ended_ms: 3, status: 409 }) as Operation;

test('the first worker that asks gets the life, and its record is numbered as rows of the run', async () => {
  await open();
  const waiting = ask();
  await server.workersAsk(1, 5_000);
  const { seen, ...hook } = hooks();
  const played = server.play(specOf(1), hook);
  const lease: Lease = (await waiting).json();
  expect(lease).toMatchObject({
    spec: specOf(1),
    url: 'http://two',
    windows: [],
    correlation: operationLog.correlation,
    endsMs: null,
  });

  expect(operationLog.takeNumber()).toBe(1);
  const operations = [[request(2, 1), 409] as const, [request(1), 409] as const];
  const reply = await post(`/leases/${lease.lease}`, report({ operations, sent: 3, startedMs: 77, leaving: true }));
  expect(reply.json()).toMatchObject({ cancelled: false, revoked: false, endsMs: null });
  expect(seen).toMatchObject({ startedMs: 77, left: 1 });
  // The second names the first as the one it duplicates, whatever numbers they get.
  expect(appended.map(({ op, duplicate_of }) => [op, duplicate_of])).toEqual([
    [2, 3],
    [3, null],
  ]);
  expect(operationLog.totals).toMatchObject({ sent: 3, ended: 2, inFlight: 1, http409: 2 });

  seen.revoked = true;
  server.willEndAt(99_000);
  const last = await post(`/leases/${lease.lease}`, report({ sent: 3, end: 'reported' }));
  expect(last.json()).toMatchObject({ cancelled: false, revoked: true, endsMs: 99_000 });
  expect(await played).toBe('reported');
  expect((await post(`/leases/${lease.lease}`, report({}))).status).toBe(410);
});

test('a lease without reports expires with its worker taken to be dead; one with reports continues', async () => {
  await open({ leaseMs: 2_000 });
  const [silent, reporting] = [server.play(specOf(1), hooks()), server.play(specOf(2), hooks())];
  const dead: Lease = (await ask()).json();
  const alive: Lease = (await ask()).json();
  let waiting = true;
  silent.finally(() => {
    waiting = false;
  });
  // Far more often than needed, so that a machine that stalls for a second loses no lease.
  for (; waiting; await sleep(50)) expect((await post(`/leases/${alive.lease}`, report({}))).status).toBe(200);
  expect(await silent).toBe('lost');
  expect(lost).toEqual([1]);
  expect((await post(`/leases/${dead.lease}`, report({ end: 'reported' }))).status).toBe(410);
  await post(`/leases/${alive.lease}`, report({ end: 'stopped' }));
  expect(await reporting).toBe('stopped');
});

test('on shutdown idle workers get 410, active ones are cancelled at their next report, queued lives end', async () => {
  await open();
  const active = hooks();
  const played = server.play(specOf(1), active);
  const lease: Lease = (await ask()).json();
  const late = hooks();
  const queued = server.play(specOf(2), late);
  for (const { cancel } of [active, late]) cancel.cancel();
  expect(await queued).toBe('run-ended');
  expect((await post(`/leases/${lease.lease}`, report({}))).json()).toMatchObject({
    cancelled: true,
    revoked: false,
    endsMs: null,
  });
  await post(`/leases/${lease.lease}`, report({ end: 'run-ended' }));
  expect(await played).toBe('run-ended');
  const waiting = ask();
  await server.workersAsk(1, 5_000);
  server.dismiss();
  expect((await waiting).status).toBe(410);
  expect((await ask()).status).toBe(410);
});

test('a workload that was revoked while it was queued is not handed out', async () => {
  await open();
  const taken = hooks();
  taken.seen.revoked = true;
  const revoked = server.play(specOf(1), taken);
  void server.play(specOf(2), hooks());
  expect((await ask()).json()).toMatchObject({ spec: { life: 2 } });
  expect(await revoked).toBe('revoked');
});

test('a worker with a clock that is off learns by how much, and its best readings are passed on', async () => {
  await open();
  const clock = new RemoteClock(() => Date.now() - 2_000);
  const { seen, ...hook } = hooks();
  void server.play(specOf(1), hook);
  const asked = clock.exchange();
  const lease: Lease = (await ask()).json();
  asked(lease, lease.startedAt);
  const own = clock.asKnown(lease.startedAt);
  for (let tries = 0; readings.length === 0 && tries < 100; tries++) {
    const reading = clock.takeBest();
    const answered = clock.exchange();
    const body = report(reading ? { reading } : {});
    const reply: ProgressReply = (await post(`/leases/${lease.lease}`, body)).json();
    answered(reply, lease.startedAt);
    // So many exchanges as a second needs.
    await sleep(50);
    // What is left of two seconds is what the round trips leave open, on a busy machine too.
    expect(Math.abs(own.now() - reply.answeredMs)).toBeLessThan(1_000);
  }
  expect(readings).toMatchObject([['k6-a', { offsetMs: expect.any(Number) }]]);
  const [[, { offsetMs, roundTripMs }] = ['', { offsetMs: 0, roundTripMs: 0 }]] = readings;
  expect(Math.abs(offsetMs + 2_000)).toBeLessThanOrEqual(roundTripMs / 2 + 2);
  const wrong = { process: 'postgres', reading: { atMs: 1, offsetMs: 1, roundTripMs: 1 } };
  expect((await post(`/leases/${lease.lease}`, report(wrong))).status).toBe(400);
});

test('a wrong token and a malformed request get no life', async () => {
  await open();
  void server.play(specOf(1), hooks());
  expect((await post('/leases', {}, 'guess')).status).toBe(401);
  expect((await fetch(`${server.url}/leases`)).status).toBe(404);
  const nonsense = { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` }, body: '[1' };
  expect((await fetch(`${server.url}/leases`, nonsense)).status).toBe(400);
  expect((await ask()).status).toBe(200);
});

/** What comes back for the beginning of a request that is never completed. */
async function answerToHalf(route: string, authorization: string): Promise<string> {
  const { port } = new URL(server.url);
  const socket = connect(Number(port), '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += String(chunk);
  });
  socket.on('error', () => undefined);
  socket.write(
    `POST ${route} HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\ncontent-length: 30000000\r\n\r\n`,
  );
  socket.write('x'.repeat(20_000));
  await once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
  return answer.split('\r\n')[0] ?? '';
}

test('nothing is read without the token, and of a worker no more than it can have to say', async () => {
  await open();
  expect(await answerToHalf('/leases', 'Bearer guess')).toBe('HTTP/1.1 401 Unauthorized');
  expect(await answerToHalf('/leases/1', `Bearer ${TOKEN}x`)).toBe('HTTP/1.1 401 Unauthorized');
  expect(await answerToHalf('/leases', `Bearer ${TOKEN}`)).toBe('HTTP/1.1 400 Bad Request');
});

test.each([
  [{ sent: 1e12 }, 'sent is over 1000000 more than before'],
  [{ sent: 'many' }, 'sent is not a whole number'],
  [{ sent: 1, operations: {} }, 'operations is not a list'],
  [{ sent: 1, operations: [], hits: 7 }, 'hits is not a list'],
])('the report %j is refused and changes nothing', async (given, why) => {
  await open();
  void server.play(specOf(1), hooks());
  const lease: Lease = (await ask()).json();
  expect(await post(`/leases/${lease.lease}`, { ...report({}), ...given })).toMatchObject({ status: 400, text: why });
  expect(operationLog.totals.sent).toBe(0);
});

test('windows apply to lives elsewhere, and their hits are counted', async () => {
  const hazard = { misbehaviour: 'zombie', share: 1 } as const;
  const gone = { hazard, opensMs: -20, closesMs: -10 };
  const coming = { hazard, opensMs: 60_000, closesMs: 70_000 };
  await open({ windows: () => [gone, coming] });
  const heal = await hazards.openWindow(hazard);
  void server.play(specOf(1), hooks());
  const lease: Lease = (await ask()).json();
  expect(lease.windows).toEqual([coming]);
  await post(`/leases/${lease.lease}`, report({ hits: [['zombie', 3]] }));
  await post(`/leases/${lease.lease}`, report({ hits: [['zombie', 1]] }));
  expect(await heal()).toBe('4 times, 1 lives');
});

test('an address in use is named', async () => {
  await open();
  const listen = new URL(server.url).host;
  await expect(open({ listen })).rejects.toThrow(`Cannot listen on ${listen} for k6 workers: `);
});
