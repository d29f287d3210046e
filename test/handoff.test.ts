import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { Dispatcher, type DispatcherOptions } from '../harness/handoff/dispatcher.ts';
import { keyOf, type Workload } from '../harness/handoff/workload.ts';
import { StackError } from '../harness/model/errors.ts';
import { HandClient, workloadLine } from './handoff-client.ts';

const KEY = ['wt_d', 't', 'r', 1, -1];
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Seen {
  readonly dispatcher: Dispatcher;
  readonly workloads: Workload[];
  readonly errors: string[];
  readonly events: string[];
}

async function listen(over: Partial<DispatcherOptions> = {}): Promise<Seen> {
  const seen = { workloads: [] as Workload[], errors: [] as string[], events: [] as string[] };
  const dispatcher = await Dispatcher.listen({
    address: 'tcp:127.0.0.1:0',
    onWorkload: (workload) => seen.workloads.push(workload),
    onRevoke: (key) => seen.events.push(`revoke ${key[1]}`),
    onError: (error) => seen.errors.push(error.message),
    ...over,
  });
  ends.push(() => dispatcher.close());
  return { dispatcher, ...seen };
}

async function client(dispatcher: Dispatcher, name?: string, pid?: number): Promise<HandClient> {
  const made = await HandClient.to(dispatcher.address, name, pid);
  ends.push(() => made.close());
  return made;
}

describe('delivery', () => {
  it('hands a workload over once and then acknowledges it', async () => {
    const { dispatcher, workloads } = await listen();
    const scheduler = await client(dispatcher);
    scheduler.send(workloadLine(1));
    expect(await scheduler.next()).toEqual({ type: 'ack', seq: 1 });
    expect(workloads.map((w) => [w.token, keyOf(w.ti)])).toEqual([['token-t', KEY]]);
    expect(dispatcher.known()).toMatchObject({ executors: 1, live: 1, delivered: 1, resent: 0 });
  });

  it('acknowledges a resend after a reconnect without starting a second life', async () => {
    const { dispatcher, workloads } = await listen();
    const first = await client(dispatcher);
    first.send(workloadLine(1));
    await first.next();
    await first.close();
    const second = await client(dispatcher);
    second.send(workloadLine(1));
    expect(await second.next()).toEqual({ type: 'ack', seq: 1 });
    expect(workloads).toHaveLength(1);
    expect(dispatcher.deliveriesOf('id-t')).toBe(1);
    expect(dispatcher.known()).toMatchObject({ delivered: 1, resent: 1, repeated: 0 });
  });

  it('knows a resend even when the life has ended by then', async () => {
    const { dispatcher, workloads } = await listen();
    const first = await client(dispatcher);
    first.send(workloadLine(1));
    await first.next();
    await first.close();
    dispatcher.end('id-t', 'success');
    const second = await client(dispatcher);
    second.send(workloadLine(1));
    const answers = [await second.next(), await second.next()];
    expect(answers.map((a) => a.type).sort()).toEqual(['ack', 'ended']);
    expect(workloads).toHaveLength(1);
  });

  it('counts a second delivery of a live workload as Airflow’s own', async () => {
    const { dispatcher, workloads } = await listen();
    const one = await client(dispatcher, 'scheduler-1', 1);
    const two = await client(dispatcher, 'scheduler-2', 2);
    one.send(workloadLine(1));
    await one.next();
    two.send(workloadLine(1));
    await two.next();
    expect(workloads).toHaveLength(1);
    expect(dispatcher.known()).toMatchObject({ delivered: 1, resent: 0, repeated: 1 });
    expect(dispatcher.deliveriesOf('id-t')).toBe(2);
    dispatcher.end('id-t', 'success');
    expect((await one.next()).type).toBe('ended');
    expect((await two.next()).type).toBe('ended');
  });

  it('starts a new life when a deferred task comes back under the same key', async () => {
    const { dispatcher, workloads } = await listen();
    const scheduler = await client(dispatcher);
    scheduler.send(workloadLine(1));
    await scheduler.next();
    dispatcher.end('id-t', 'success');
    expect(await scheduler.next()).toMatchObject({ type: 'ended', of: 1 });
    scheduler.send(workloadLine(2));
    await scheduler.next();
    expect(workloads).toHaveLength(2);
    dispatcher.end('id-t', 'success');
    expect(await scheduler.next()).toMatchObject({ type: 'ended', of: 2 });
  });

  it('starts a new life when a deferred task comes back before its first worker has its answer', async () => {
    const numbers: number[] = [];
    const { dispatcher } = await listen({ onWorkload: (_workload, _from, delivery) => numbers.push(delivery.number) });
    const one = await client(dispatcher, 'scheduler-1', 1);
    const two = await client(dispatcher, 'scheduler-2', 2);
    one.send(workloadLine(1));
    await one.next();
    const [first = 0] = numbers;
    dispatcher.leave(first);
    two.send(workloadLine(1));
    await two.next();
    const [, second = 0] = numbers;
    expect(dispatcher.known()).toMatchObject({ live: 2, delivered: 2, repeated: 0 });
    expect(dispatcher.deliveriesOf('id-t')).toBe(2);
    // Each scheduler hears of its own worker.
    dispatcher.end(first, 'success');
    expect(await one.next()).toMatchObject({ type: 'ended', of: 1 });
    expect(await two.flushed()).toEqual([]);
    dispatcher.end(second, 'success');
    expect(await two.next()).toMatchObject({ type: 'ended', of: 1 });
    expect(dispatcher.known()).toMatchObject({ live: 0, ended: 2 });
  });

  it('does not free the slot of a new task instance when an older one of the same key ends', async () => {
    const { dispatcher } = await listen();
    const scheduler = await client(dispatcher);
    scheduler.send(workloadLine(1, 't', { id: 'old' }));
    scheduler.send(workloadLine(2, 't', { id: 'new' }));
    await scheduler.flushed();
    expect(dispatcher.end('old', 'fail')).toBe(true);
    expect(await scheduler.flushed()).toEqual([]);
    dispatcher.end('new', 'success');
    expect(await scheduler.next()).toMatchObject({ type: 'ended', of: 2, outcome: 'success' });
  });

  it('does not acknowledge what could not be handed over, and takes it when it is sent again', async () => {
    let full = true;
    const { dispatcher, errors } = await listen({
      onWorkload: () => {
        if (full) throw new Error('no room');
      },
    });
    const scheduler = await client(dispatcher);
    scheduler.send(workloadLine(1));
    expect(await scheduler.flushed()).toEqual([]);
    expect(errors).toEqual(['onWorkload failed: no room']);
    full = false;
    scheduler.send(workloadLine(1));
    expect(await scheduler.next()).toEqual({ type: 'ack', seq: 1 });
    expect(dispatcher.deliveriesOf('id-t')).toBe(1);
  });

  it('delivers a revoked workload again as a new one', async () => {
    const { dispatcher, workloads, events } = await listen();
    const scheduler = await client(dispatcher);
    scheduler.send(workloadLine(1));
    await scheduler.next();
    scheduler.send({ type: 'revoke', seq: 2, key: KEY });
    expect(await scheduler.next()).toEqual({ type: 'ack', seq: 2 });
    expect(events).toContain('revoke t');
    expect(dispatcher.end('id-t', 'success')).toBe(false);
    scheduler.send(workloadLine(3));
    await scheduler.next();
    expect(workloads).toHaveLength(2);
  });
});

describe('the end of a life', () => {
  it('is sent again after a reconnect until it is acknowledged', async () => {
    const { dispatcher } = await listen();
    const first = await client(dispatcher);
    first.send(workloadLine(1));
    await first.next();
    dispatcher.end(['wt_d', 't', 'r', 1, -1], 'fail');
    const ended = await first.next();
    expect(ended).toMatchObject({ type: 'ended', key: KEY, outcome: 'fail' });
    await first.close();
    const second = await client(dispatcher);
    expect(await second.next()).toEqual(ended);
    second.send({ type: 'ended_ack', seq: ended.seq });
    await second.flushed();
    expect(dispatcher.known()).toMatchObject({ owed: 0, live: 0, ended: 1 });
  });

  it('goes to the scheduler that adopted the key', async () => {
    const { dispatcher } = await listen();
    const dead = await client(dispatcher, 'scheduler-1', 1);
    dead.send(workloadLine(1));
    await dead.next();
    await dead.close();
    const heir = await client(dispatcher, 'scheduler-2', 2);
    heir.send({ type: 'adopt', seq: 1, keys: [KEY, ['wt_d', 'unknown', 'r', 1, -1]] });
    expect(await heir.next()).toEqual({ type: 'adopted', seq: 1, keys: [KEY] });
    dispatcher.end('id-t', 'success');
    expect(await heir.next()).toMatchObject({ type: 'ended', key: KEY, of: null });
  });

  it('is sent to an heir that adopts the key after the life has ended', async () => {
    const { dispatcher } = await listen();
    const dead = await client(dispatcher, 'scheduler-1', 1);
    dead.send(workloadLine(1));
    await dead.next();
    await dead.close();
    dispatcher.end('id-t', 'success');
    const heir = await client(dispatcher, 'scheduler-2', 2);
    heir.send({ type: 'adopt', seq: 1, keys: [KEY] });
    expect((await heir.next()).type).toBe('adopted');
    expect(await heir.next()).toMatchObject({ type: 'ended', key: KEY });
  });

  it('is dropped for a scheduler that does not come back', async () => {
    const { dispatcher } = await listen({ forgetAfterMs: 60_000 });
    const gone = await client(dispatcher, 'scheduler-1', 1);
    gone.send(workloadLine(1, 'a'));
    gone.send(workloadLine(2, 'b'));
    await gone.flushed();
    await gone.close();
    await vi.waitFor(() => expect(dispatcher.known().executors).toBe(0));
    vi.useFakeTimers({ toFake: ['Date'] });
    dispatcher.end('id-a', 'success');
    expect(dispatcher.known().owed).toBe(1);
    vi.setSystemTime(Date.now() + 61_000);
    dispatcher.end('id-b', 'success');
    expect(dispatcher.known().owed).toBeLessThanOrEqual(1);
    vi.useRealTimers();
  });

  it('is sent twice where that is wanted, the second time marked, and to a scheduler that was away', async () => {
    const { dispatcher } = await listen();
    const scheduler = await client(dispatcher);
    scheduler.send(workloadLine(1));
    await scheduler.next();
    expect(dispatcher.end('id-t', 'success', 20)).toBe(true);
    expect(await scheduler.next()).toEqual({ type: 'ended', seq: 1, key: KEY, outcome: 'success', of: 1 });
    expect(await scheduler.next()).toEqual({ type: 'ended', seq: 2, key: KEY, outcome: 'success', of: 1, again: true });
    expect(dispatcher.known()).toMatchObject({ ended: 1, owed: 2 });
  });
});

describe('a bad peer', () => {
  it('is reported for a malformed line and read on', async () => {
    const { dispatcher, errors, workloads } = await listen();
    const scheduler = await client(dispatcher);
    scheduler.raw('{not json secret-token\n[]\n{"type":"dance"}\n\n');
    scheduler.send({ type: 'workload', seq: 1, workload: { token: 'x', ti: { id: 'only' } } });
    scheduler.send(workloadLine(2));
    expect(await scheduler.next()).toEqual({ type: 'ack', seq: 2 });
    expect(workloads).toHaveLength(1);
    expect(errors).toHaveLength(4);
    expect(errors.join()).not.toContain('secret-token');
    expect(errors[3]).toBe('hand-off from scheduler-1: workload.ti.dag_id is not a string');
  });

  it('is not listened to before its hello, nor in another protocol', async () => {
    const { dispatcher, errors, workloads } = await listen();
    const scheduler = await HandClient.to(dispatcher.address, 'x', 1.5);
    ends.push(() => scheduler.close());
    scheduler.send({ type: 'hello', protocol: 2, process: 'x', pid: 1 });
    scheduler.send(workloadLine(1));
    await expect.poll(() => errors.length).toBe(3);
    expect(workloads).toHaveLength(0);
    expect(dispatcher.known().executors).toBe(0);
  });

  it('is cut off when a line does not end', async () => {
    const { dispatcher, errors } = await listen();
    const scheduler = await client(dispatcher);
    await scheduler.flushed();
    scheduler.raw('x'.repeat(4_200_000));
    await expect.poll(() => errors.length).toBe(1);
    await expect.poll(() => scheduler.socket.closed).toBe(true);
    expect(dispatcher.known().executors).toBe(0);
  });
});

describe('the socket', () => {
  it('takes lines that are cut anywhere, inside a character too', async () => {
    const { dispatcher, workloads } = await listen();
    const scheduler = await client(dispatcher);
    const bytes = Buffer.from(`${JSON.stringify(workloadLine(1, 'tâche-ü-🌬'))}\n`);
    for (let i = 0; i < bytes.length; i += 7) {
      scheduler.raw(bytes.subarray(i, i + 7));
      if (i % 3 === 0) await sleep(1);
    }
    await scheduler.next();
    expect(workloads[0]?.ti.task_id).toBe('tâche-ü-🌬');
  });

  it('replaces the older connection of the same process', async () => {
    const { dispatcher } = await listen();
    const older = await client(dispatcher, 'scheduler-1', 1);
    await older.flushed();
    const newer = await client(dispatcher, 'scheduler-1', 1);
    await newer.flushed();
    await expect.poll(() => older.socket.closed).toBe(true);
    expect(dispatcher.known().executors).toBe(1);
    // The close of the older one must not count the peer as away.
    newer.send(workloadLine(1));
    await newer.next();
    dispatcher.end('id-t', 'success');
    expect((await newer.next()).type).toBe('ended');
  });

  it('is a file that goes away on close, which is idempotent and bounded', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'wt-handoff-'));
    ends.push(async () => rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, 'handoff.sock');
    const { dispatcher } = await listen({ address: `unix:${file}` });
    expect(dispatcher.address).toBe(`unix:${file}`);
    const scheduler = await client(dispatcher);
    await scheduler.flushed();
    expect(existsSync(file)).toBe(true);
    // The scheduler keeps its connection: a close without a bound would outlast the test.
    await Promise.all([dispatcher.close(), dispatcher.close()]);
    expect(existsSync(file)).toBe(false);
  });

  it('takes over the socket file that a killed harness left, but not one that is in use', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'wt-handoff-'));
    ends.push(async () => rmSync(folder, { recursive: true, force: true }));
    const address = `unix:${path.join(folder, 'handoff.sock')}`;
    const { dispatcher } = await listen({ address });
    await expect(listen({ address })).rejects.toThrow(StackError);
    expect(dispatcher.known().executors).toBe(0);
    await dispatcher.close();
    const orphan = `require('net').createServer().listen(${JSON.stringify(address.slice(5))}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', orphan]);
    expect(existsSync(address.slice(5))).toBe(true);
    const second = await listen({ address });
    await client(second.dispatcher);
  });

  it('refuses an address that is not on this machine', async () => {
    await expect(listen({ address: 'tcp:0.0.0.0:0' })).rejects.toThrow(StackError);
    await expect(listen({ address: 'somewhere' })).rejects.toThrow(StackError);
  });
});
