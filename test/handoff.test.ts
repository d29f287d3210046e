import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { Dispatcher, type DispatcherOptions } from '../harness/handoff/dispatcher.ts';
import { keyOf, type Workload } from '../harness/handoff/workload.ts';
import { StackError } from '../harness/model/errors.ts';
import { HandClient, idOf, instanceOf, TOKEN, workloadLine } from './handoff-client.ts';

const KEY = ['wt_d', 't', 'r', 1, -1];
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Seen {
  readonly refused: string[];
  readonly dispatcher: Dispatcher;
  readonly workloads: Workload[];
  readonly errors: string[];
  readonly events: string[];
}

async function listen(over: Partial<DispatcherOptions> = {}): Promise<Seen> {
  const seen = { workloads: [] as Workload[], errors: [] as string[], refused: [] as string[], events: [] as string[] };
  const dispatcher = await Dispatcher.listen({
    address: 'tcp:127.0.0.1:0',
    token: TOKEN,
    onWorkload: (workload) => seen.workloads.push(workload),
    onRevoke: (key) => seen.events.push(`revoke ${key[1]}`),
    onRefused: (why) => seen.refused.push(why),
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
    expect(dispatcher.deliveriesOf(idOf('t'))).toBe(1);
    expect(dispatcher.known()).toMatchObject({ delivered: 1, resent: 1, repeated: 0 });
  });

  it('knows a resend even when the life has ended by then', async () => {
    const { dispatcher, workloads } = await listen();
    const first = await client(dispatcher);
    first.send(workloadLine(1));
    await first.next();
    await first.close();
    dispatcher.end(idOf('t'), 'success');
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
    expect(dispatcher.deliveriesOf(idOf('t'))).toBe(2);
    dispatcher.end(idOf('t'), 'success');
    expect((await one.next()).type).toBe('ended');
    expect((await two.next()).type).toBe('ended');
  });

  it('starts a new life when a deferred task comes back under the same key', async () => {
    const { dispatcher, workloads } = await listen();
    const scheduler = await client(dispatcher);
    scheduler.send(workloadLine(1));
    await scheduler.next();
    dispatcher.end(idOf('t'), 'success');
    expect(await scheduler.next()).toMatchObject({ type: 'ended', of: 1 });
    scheduler.send(workloadLine(2));
    await scheduler.next();
    expect(workloads).toHaveLength(2);
    dispatcher.end(idOf('t'), 'success');
    expect(await scheduler.next()).toMatchObject({ type: 'ended', of: 2 });
  });

  it('reports the end of a deferred part after its task has come back, where a real executor would', async () => {
    for (const behaviour of ['local', 'celery', 'calm'] as const) {
      const { dispatcher } = await listen({ welcome: { behaviour, task_uuid: true } });
      const scheduler = await client(dispatcher);
      scheduler.send(workloadLine(1));
      await scheduler.next();
      expect(scheduler.welcome).toMatchObject({ behaviour, task_uuid: true });
      dispatcher.leave(1);
      scheduler.send(workloadLine(2));
      await scheduler.next();
      dispatcher.end(1, 'success');
      const reported = behaviour === 'local' ? [{ type: 'ended', of: 1 }] : [];
      expect(await scheduler.flushed()).toMatchObject(reported);
      dispatcher.end(2, 'fail');
      expect(await scheduler.flushed()).toMatchObject([{ type: 'ended', of: 2, outcome: 'fail' }]);
    }
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
    expect(dispatcher.deliveriesOf(idOf('t'))).toBe(2);
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
    scheduler.send(workloadLine(1, 't', { id: idOf('old') }));
    scheduler.send(workloadLine(2, 't', { id: idOf('new') }));
    await scheduler.flushed();
    expect(dispatcher.end(idOf('old'), 'fail')).toBe(true);
    expect(await scheduler.flushed()).toEqual([]);
    dispatcher.end(idOf('new'), 'success');
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
    expect(dispatcher.deliveriesOf(idOf('t'))).toBe(1);
  });

  it('delivers a revoked workload again as a new one', async () => {
    const { dispatcher, workloads, events } = await listen();
    const scheduler = await client(dispatcher);
    scheduler.send(workloadLine(1));
    await scheduler.next();
    scheduler.send({ type: 'revoke', seq: 2, key: KEY });
    expect(await scheduler.next()).toEqual({ type: 'ack', seq: 2 });
    expect(events).toContain('revoke t');
    expect(dispatcher.end(idOf('t'), 'success')).toBe(false);
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
    dispatcher.end(idOf('t'), 'success');
    expect(await heir.next()).toMatchObject({ type: 'ended', key: KEY, of: null });
  });

  it('is sent to an heir that adopts the key after the life has ended', async () => {
    const { dispatcher } = await listen();
    const dead = await client(dispatcher, 'scheduler-1', 1);
    dead.send(workloadLine(1));
    await dead.next();
    await dead.close();
    dispatcher.end(idOf('t'), 'success');
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
    // Files of this lane share a process: no other may get this clock.
    onTestFinished(() => void vi.useRealTimers());
    const before = performance.now();
    vi.useFakeTimers({ toFake: ['performance'] });
    // This clock begins at zero.
    vi.advanceTimersByTime(before);
    dispatcher.end(idOf('a'), 'success');
    expect(dispatcher.known().owed).toBe(1);
    vi.advanceTimersByTime(61_000);
    dispatcher.end(idOf('b'), 'success');
    expect(dispatcher.known().owed).toBeLessThanOrEqual(1);
  });

  it('is sent twice where that is wanted, the second time marked, and to a scheduler that was away', async () => {
    const { dispatcher } = await listen();
    const scheduler = await client(dispatcher);
    scheduler.send(workloadLine(1));
    await scheduler.next();
    expect(dispatcher.end(idOf('t'), 'success', 20)).toBe(true);
    const ended = { type: 'ended', key: KEY, ti_id: idOf('t'), outcome: 'success', of: 1 };
    expect(await scheduler.next()).toEqual({ ...ended, seq: 1 });
    expect(await scheduler.next()).toEqual({ ...ended, seq: 2, again: true });
    expect(dispatcher.known()).toMatchObject({ ended: 1, owed: 2 });
  });
});

describe('a bad peer', () => {
  const WORKLOAD = JSON.stringify(workloadLine(1));
  const of = (over: Record<string, unknown>) => JSON.stringify(workloadLine(1, 't', over));

  it.each([
    ['{not json secret-token', 'not JSON (22 characters)'],
    ['[]', 'not a JSON object'],
    ['{"type":"dance"}', 'unknown message type "dance"'],
    ['GET /healthz HTTP/1.1', 'not JSON (21 characters)'],
    [of({ id: '../../public/x?y=' }), 'workload.ti.id is not a UUID'],
    [of({ dag_id: 7 }), 'workload.ti.dag_id is not a string'],
  ])('%s closes its own connection and nothing else', async (line, why) => {
    const { dispatcher, errors, refused, workloads } = await listen();
    const good = await client(dispatcher, 'scheduler-2', 2);
    const bad = await client(dispatcher);
    bad.raw(`${line}\n${WORKLOAD}\n`);
    expect(await bad.next()).toEqual({ type: 'refused', why });
    await expect.poll(() => bad.socket.closed).toBe(true);
    const other = await HandClient.to(dispatcher.address, '', 1, { type: 'bye' });
    ends.push(() => other.close());
    expect(await other.next()).toMatchObject({ type: 'refused' });
    good.send(workloadLine(2));
    expect(await good.next()).toEqual({ type: 'ack', seq: 2 });
    expect(workloads).toHaveLength(1);
    expect(errors).toEqual([]);
    expect(refused).toEqual([
      `hand-off from scheduler-1: ${why}`,
      expect.stringContaining('unknown message type "bye"'),
    ]);
    expect(dispatcher.known().executors).toBe(1);
  });

  it.each([
    [{ token: undefined }, 'its WINDTUNNEL_HANDOFF_TOKEN is not the one of this run'],
    [{ token: `${TOKEN}x` }, 'its WINDTUNNEL_HANDOFF_TOKEN is not the one of this run'],
    [{ token: 7 }, 'hello.token is not a string'],
    [{ protocol: 1 }, 'speaks protocol 1, this is 3: install the executor of this windtunnel'],
    [{ process: '' }, 'hello.process is not a name of at most 200 characters'],
    [{ process: '\u001b]0;x' }, 'hello.process is not a name of at most 200 characters'],
    [{ pid: 1.5 }, 'hello.pid is not an integer'],
    [{ instance: undefined }, 'hello.instance is not 32 hexadecimal digits'],
    [JSON.parse(WORKLOAD), 'workload came before hello'],
  ])('with the hello %j is not listened to', async (over, why) => {
    const { dispatcher, errors, refused, workloads } = await listen();
    const scheduler = await HandClient.to(dispatcher.address, 'x', 1, over);
    ends.push(() => scheduler.close());
    scheduler.send(workloadLine(1));
    expect(await scheduler.next()).toEqual({ type: 'refused', why });
    await expect.poll(() => scheduler.socket.closed).toBe(true);
    expect(workloads).toHaveLength(0);
    expect(dispatcher.known().executors).toBe(0);
    expect(errors).toEqual([]);
    expect(refused).toEqual([`hand-off from 127.0.0.1: ${why}`]);
    expect(dispatcher.refused).toBe(refused[0]);
  });

  it('cannot cut off a scheduler by claiming its name', async () => {
    const { dispatcher } = await listen();
    const real = await client(dispatcher, 'scheduler-1', 1);
    real.send(workloadLine(1));
    await real.next();
    const thief = await HandClient.to(dispatcher.address, 'scheduler-1', 1, { instance: instanceOf(2) });
    ends.push(() => thief.close());
    expect(await thief.flushed()).toEqual([]);
    dispatcher.end(idOf('t'), 'success');
    expect(await real.next()).toMatchObject({ type: 'ended', of: 1 });
    expect(await thief.flushed()).toEqual([]);
    expect(dispatcher.known().executors).toBe(2);
  });

  it('does not keep others out with connections that say nothing', async () => {
    const { dispatcher, refused } = await listen();
    const silent = Array.from({ length: 70 }, () => connect(Number(dispatcher.address.split(':').at(-1)), '127.0.0.1'));
    for (const socket of silent) {
      socket.on('error', () => undefined);
      ends.push(async () => socket.destroy());
    }
    await expect.poll(() => silent.filter(({ closed }) => closed).length).toBe(6);
    const scheduler = await client(dispatcher);
    await scheduler.flushed();
    const long = silent.findLast(({ closed }) => !closed);
    long?.write('x'.repeat(5_000));
    await expect
      .poll(() => refused)
      .toEqual(['hand-off from 127.0.0.1: a line before hello is longer than 4000 characters']);
    expect(dispatcher.known().executors).toBe(1);
  });

  it('is cut off when a line does not end', async () => {
    const { dispatcher, refused } = await listen();
    const scheduler = await client(dispatcher);
    await scheduler.flushed();
    scheduler.raw('x'.repeat(4_200_000));
    await expect.poll(() => refused.length).toBe(1);
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
    dispatcher.end(idOf('t'), 'success');
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
    await expect(listen({ token: 'fifteen letters' })).rejects.toThrow(/needs a token of at least 16 characters$/);
  });
});
