import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { STEADY_HABITS } from '../../../workloads/shapes.ts';
import type { Operation } from '../../model/operation.ts';
import { RunClock } from '../../run-folder/clock.ts';
import { RunFolder } from '../../run-folder/writer.ts';
import { Ending } from '../../worker/cancel.ts';
import { Hazards } from '../../worker/hazards.ts';
import type { Birth } from '../../worker/life-spec.ts';
import type { Lease, Word } from '../../worker/remote.ts';
import { RequestLog } from '../http-client.ts';
import { LeaseDesk, type LeaseDeskOptions } from './remote-worker-server.ts';

let folder: string;
let record: RunFolder;
let desk: LeaseDesk;
let book: RequestLog;
let hazards: Hazards;
let appended: Operation[];
let lost: number[];

async function open(options: Partial<LeaseDeskOptions> = {}): Promise<void> {
  desk = await LeaseDesk.open({
    listen: '127.0.0.1:0',
    token: 'secret',
    executionUrls: ['http://one', 'http://two'],
    clock: new RunClock(),
    book,
    hazards,
    windows: () => [],
    onLost: ({ life }) => lost.push(life),
    ...options,
  });
}

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  record = new RunFolder(path.join(folder, 'run'));
  appended = [];
  record.append = (_table, row) => appended.push(row as Operation);
  book = new RequestLog(record);
  hazards = new Hazards();
  lost = [];
});

afterEach(async () => {
  await desk.close();
  await record.close();
  rmSync(folder, { recursive: true, force: true });
});

function birth(life: number): Birth {
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
    handedMs: 5,
    seed: 1,
    name: `wt_a/t/-1/${life}`,
    turn: 0,
  };
}

function hooks() {
  const heard = { startedMs: 0, left: 0, revoked: false };
  return {
    heard,
    over: new Ending(),
    isRevoked: () => heard.revoked,
    onRevoked: () => undefined,
    onStarted: (atMs: number) => {
      heard.startedMs = atMs;
    },
    onLeaving: () => {
      heard.left++;
    },
  };
}

async function post(route: string, body: object, token = 'secret') {
  const answer = await fetch(`${desk.url}${route}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, connection: 'close' },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, text, json: () => JSON.parse(text) };
}

const ask = () => post('/leases', { now_ms: Date.now() });
const word = (said: Partial<Word>): Word => ({ operations: [], sent: 0, hits: [], ...said });
const request = (op: number, duplicate_of: number | null = null) =>
  ({ op, duplicate_of, life: 1, kind: 'rtif', intended_ms: 1, sent_ms: 2, ended_ms: 3, status: 409 }) as Operation;

test('a life is lent to who asked first, and its record comes back under numbers of the run', async () => {
  await open();
  const waiting = ask();
  await desk.asked(1, 5_000);
  const { heard, ...hook } = hooks();
  const played = desk.play(birth(1), hook);
  const lease: Lease = (await waiting).json();
  expect(lease).toMatchObject({
    birth: birth(1),
    url: 'http://two',
    windows: [],
    correlation: book.correlation,
    endsMs: null,
  });

  expect(book.take()).toBe(1);
  const operations = [[request(2, 1), 409] as const, [request(1), 409] as const];
  const said = await post(`/leases/${lease.lease}`, word({ operations, sent: 3, startedMs: 77, leaving: true }));
  expect(said.json()).toEqual({ over: false, revoked: false, endsMs: null });
  expect(heard).toMatchObject({ startedMs: 77, left: 1 });
  // The second names the first as the one it duplicates, whatever numbers they get.
  expect(appended.map(({ op, duplicate_of }) => [op, duplicate_of])).toEqual([
    [2, 3],
    [3, null],
  ]);
  expect(book.totals).toMatchObject({ sent: 3, ended: 2, inFlight: 1, http409: 2 });

  heard.revoked = true;
  desk.willEndAt(99_000);
  const last = await post(`/leases/${lease.lease}`, word({ sent: 3, end: 'reported' }));
  expect(last.json()).toEqual({ over: false, revoked: true, endsMs: 99_000 });
  expect(await played).toBe('reported');
  expect((await post(`/leases/${lease.lease}`, word({}))).status).toBe(410);
});

test('a lease without a word runs out as a dead worker; one with words goes on', async () => {
  await open({ leaseMs: 400 });
  const [silent, talks] = [desk.play(birth(1), hooks()), desk.play(birth(2), hooks())];
  const dead: Lease = (await ask()).json();
  const alive: Lease = (await ask()).json();
  for (let i = 0; i < 8; i++) {
    await sleep(100);
    expect((await post(`/leases/${alive.lease}`, word({}))).status).toBe(200);
  }
  expect(await silent).toBe('lost');
  expect(lost).toEqual([1]);
  expect((await post(`/leases/${dead.lease}`, word({ end: 'reported' }))).status).toBe(410);
  await post(`/leases/${alive.lease}`, word({ end: 'stopped' }));
  expect(await talks).toBe('stopped');
});

test('the end of the run: who waits is told, who plays hears it with its next word, what was not lent ends', async () => {
  await open();
  const lent = hooks();
  const played = desk.play(birth(1), lent);
  const lease: Lease = (await ask()).json();
  const late = hooks();
  const notLent = desk.play(birth(2), late);
  for (const { over } of [lent, late]) over.end();
  expect(await notLent).toBe('run-ended');
  expect((await post(`/leases/${lease.lease}`, word({}))).json()).toEqual({ over: true, revoked: false, endsMs: null });
  await post(`/leases/${lease.lease}`, word({ end: 'run-ended' }));
  expect(await played).toBe('run-ended');
  const waiting = ask();
  await desk.asked(1, 5_000);
  desk.dismiss();
  expect((await waiting).status).toBe(410);
  expect((await ask()).status).toBe(410);
});

test('what was taken back meanwhile is not lent', async () => {
  await open();
  const taken = hooks();
  taken.heard.revoked = true;
  const revoked = desk.play(birth(1), taken);
  void desk.play(birth(2), hooks());
  expect((await ask()).json()).toMatchObject({ birth: { life: 2 } });
  expect(await revoked).toBe('revoked');
});

test('who does not know the token, has another time, or makes no sense gets nothing', async () => {
  await open();
  void desk.play(birth(1), hooks());
  expect((await post('/leases', { now_ms: Date.now() }, 'guess')).status).toBe(401);
  expect(await post('/leases', { now_ms: Date.now() - 5_000 })).toMatchObject({
    status: 409,
    text: expect.stringMatching(/^Your clock is 5\.\d s behind this one/),
  });
  expect((await post('/leases', {})).status).toBe(409);
  expect((await fetch(`${desk.url}/leases`)).status).toBe(404);
  const nonsense = { method: 'POST', headers: { authorization: 'Bearer secret' }, body: '[1' };
  expect((await fetch(`${desk.url}/leases`, nonsense)).status).toBe(400);
  expect((await ask()).status).toBe(200);
});

test('windows strike lives elsewhere, and are told of it', async () => {
  const hazard = { misbehaviour: 'zombie', share: 1 } as const;
  const gone = { hazard, opensMs: -20, closesMs: -10 };
  const coming = { hazard, opensMs: 60_000, closesMs: 70_000 };
  await open({ windows: () => [gone, coming] });
  const heal = await hazards.openWindow(hazard);
  void desk.play(birth(1), hooks());
  const lease: Lease = (await ask()).json();
  expect(lease.windows).toEqual([coming]);
  await post(`/leases/${lease.lease}`, word({ hits: [['zombie', 3]] }));
  await post(`/leases/${lease.lease}`, word({ hits: [['zombie', 1]] }));
  expect(await heal()).toBe('4 times, 1 lives');
});

test('a place that is taken is said to be', async () => {
  await open();
  const listen = new URL(desk.url).host;
  await expect(open({ listen })).rejects.toThrow(`Lives cannot be lent at ${listen}: `);
});
