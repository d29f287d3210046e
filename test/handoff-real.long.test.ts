import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Dispatcher } from '../harness/handoff/dispatcher.ts';
import type { Welcome } from '../harness/handoff/protocol.ts';
import { messageOf } from '../harness/model/errors.ts';
import { type AirflowInstall, installAirflow } from '../harness/stacks/airflow/install.ts';
import { toolEnvironment } from '../harness/system/run-tool.ts';
import { RELEASES } from './fidelity/recording.ts';

/** What takes 2 s by design is over by then on any machine; what waits for an answer is not. */
const ENDLESS_MS = 60_000;

const START_MS = 60_000;

interface Said {
  readonly running: readonly string[];
  /** Those for which `has_task` is true. */
  readonly has: readonly string[];
  readonly events: Readonly<Record<string, string>>;
  readonly unacked: number;
  readonly rest?: readonly string[];
}

interface DriverOptions {
  readonly home: string;
  readonly address: string;
  readonly name: string;
  readonly token?: string;
  /** The folder for the ends of a LocalExecutor's workers; absent: it is a HandOffExecutor. */
  readonly local?: string;
}

/** A process with a real HandOffExecutor on a real Airflow, without a scheduler around it. */
class Driver {
  readonly child: ChildProcessWithoutNullStreams;
  /** All that it has printed: its log, too. */
  printed = '';
  readonly #lines: Interface;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child;
    this.#lines = createInterface({ input: child.stdout });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (this.printed += text));
  }

  static async start(
    install: AirflowInstall,
    { home, address, name, token = '', local }: DriverOptions,
  ): Promise<Driver> {
    const env = {
      ...toolEnvironment(process.env),
      PYTHONPATH: install.executorPath,
      AIRFLOW_HOME: home,
      AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
      AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: `sqlite:///${home}/none.db`,
      AIRFLOW__API_AUTH__JWT_SECRET: 'x'.repeat(64),
      WINDTUNNEL_HANDOFF: address,
      WINDTUNNEL_HANDOFF_TOKEN: token,
      WINDTUNNEL_PROCESS: name,
    };
    const script = path.join(import.meta.dirname, 'handoff-driver.py');
    const child = spawn(install.python, [script, ...(local === undefined ? [] : [local])], { env, detached: true });
    const driver = new Driver(child);
    child.on('exit', (code) => code !== null && code !== 0 && console.error(driver.printed.slice(-2_000)));
    await driver.#answer('ready', START_MS);
    return driver;
  }

  async do(command: Readonly<Record<string, unknown>>): Promise<Said> {
    const answer = this.#answer('running', 60_000);
    this.child.stdin.write(`${JSON.stringify(command)}\n`);
    return JSON.parse(await answer);
  }

  /** Beats as the scheduler's loop does, until what it says is as wished. */
  async until(wished: (said: Said) => boolean): Promise<Said> {
    for (let beats = 0; beats < 200; beats++) {
      const said = await this.do({ do: 'beat' });
      if (wished(said)) return said;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error('the executor did not get there in 200 beats');
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit', { signal: AbortSignal.timeout(60_000) });
    // With a LocalExecutor's workers.
    if (this.child.pid !== undefined) process.kill(-this.child.pid, 'SIGKILL');
    await exit;
  }

  /** Airflow logs to the same stream: the answer is the line that has this word as a key. */
  #answer(word: string, ms: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => done(() => reject(new Error(`no answer within ${ms} ms`))), ms);
      const read = (line: string) => line.startsWith('{') && line.includes(`"${word}"`) && done(() => resolve(line));
      const exited = () => done(() => reject(new Error('the driver has ended')));
      const done = (settle: () => void) => {
        clearTimeout(timer);
        this.#lines.off('line', read);
        this.child.off('exit', exited);
        settle();
      };
      this.#lines.on('line', read);
      this.child.on('exit', exited);
    });
  }
}

async function installed(version: string): Promise<AirflowInstall | string> {
  try {
    const log = (line: string) => console.log(line);
    return await installAirflow(version, { log, signal: AbortSignal.timeout(600_000) });
  } catch (error) {
    // In CI a missing Python is a failure: the tests below would prove nothing.
    if (process.env.CI) throw error;
    console.warn(`SKIPPED: the executor was not tested on Airflow ${version}: ${messageOf(error)}`);
    return messageOf(error);
  }
}

for (const version of ['3.1.8', '3.3.2', '3.4.0b2']) {
  const install = await installed(version);
  describe.skipIf(typeof install === 'string')(`the executor on Airflow ${version}`, () => {
    let home = '';
    let address = '';
    let drivers: Driver[] = [];
    let dispatchers: Dispatcher[] = [];
    const handed: string[] = [];

    beforeEach(() => {
      home = mkdtempSync(path.join(tmpdir(), 'wt-real-'));
      address = `unix:${path.join(home, 'handoff.sock')}`;
      handed.length = 0;
    });
    afterEach(async () => {
      for (const driver of drivers) await driver.kill();
      for (const dispatcher of dispatchers) await dispatcher.close();
      drivers = [];
      dispatchers = [];
      rmSync(home, { recursive: true, force: true });
    });

    async function scheduler(name = 'scheduler-1', token?: string): Promise<Driver> {
      if (typeof install === 'string') throw new Error(install);
      const driver = await Driver.start(install, { home, address, name, ...(token === undefined ? {} : { token }) });
      drivers.push(driver);
      return driver;
    }
    async function listen(token?: string, welcome?: Welcome): Promise<Dispatcher> {
      const onWorkload = ({ ti }: { ti: { task_id: string } }, from: string) => handed.push(`${ti.task_id} ${from}`);
      const dispatcher = await Dispatcher.listen({ address, token, onWorkload, ...(welcome && { welcome }) });
      dispatchers.push(dispatcher);
      return dispatcher;
    }
    const key = (task: string) => ['wt_d', task, 'r', 1, -1] as const;

    it('keeps workloads until a dispatcher listens, and reports a key only when its life has ended', async () => {
      const driver = await scheduler();
      await driver.do({ do: 'queue', task: 'a' });
      expect(await driver.do({ do: 'queue', task: 'b' })).toMatchObject({
        running: ['a', 'b'],
        events: {},
        unacked: 2,
      });

      const dispatcher = await listen();
      await driver.until((said) => said.unacked === 0);
      expect(handed).toEqual(['a scheduler-1', 'b scheduler-1']);

      dispatcher.end(key('a'), 'success');
      expect(await driver.until((said) => !said.running.includes('a'))).toMatchObject({ events: { a: 'success' } });
      dispatcher.end(key('b'), 'fail');
      expect(await driver.until((said) => said.running.length === 0)).toMatchObject({ events: { b: 'failed' } });
      await expect.poll(() => dispatcher.known().owed).toBe(0);
    });

    it('hands over once what it had queued before the harness said what it calls a task', async () => {
      const driver = await scheduler();
      const dispatcher = await listen(undefined, { behaviour: 'local', task_uuid: true });
      // The beat that connects must be the last one: what the harness answers is read with the next command.
      const connected = async () => {
        await driver.do({ do: 'beat' });
        await sleep(100);
        return dispatcher.known().executors;
      };
      await expect.poll(connected, { interval: 500, timeout: 10_000 }).toBe(1);
      await driver.do({ do: 'queue', task: 'a' });
      await driver.until((said) => said.unacked === 0);
      await driver.do({ do: 'beat' });
      expect(await driver.do({ do: 'beat' })).toMatchObject({ unacked: 0, events: {} });
      expect([...handed, dispatcher.known().repeated]).toEqual(['a scheduler-1', 0]);
      dispatcher.end(key('a'), 'success');
      expect(await driver.until((said) => said.events.a !== undefined)).toMatchObject({ running: [] });
    });

    it('sends again what a harness that was lost had not acknowledged, and fails nothing', async () => {
      const first = await listen();
      const driver = await scheduler();
      await driver.do({ do: 'queue', task: 'a' });
      await driver.until((said) => said.unacked === 0);
      await first.close();
      // Into a socket of which the other end is gone: this send succeeds.
      expect(await driver.do({ do: 'queue', task: 'b' })).toMatchObject({ running: ['a', 'b'], events: {} });
      await listen();
      await driver.until((said) => said.unacked === 0);
      expect(handed).toEqual(['a scheduler-1', 'b scheduler-1']);
    });

    it('adopts what the harness still plays when its scheduler is killed, and hears its end', async () => {
      const dispatcher = await listen();
      const dying = await scheduler('scheduler-1');
      await dying.do({ do: 'queue', task: 'a' });
      await dying.until((said) => said.unacked === 0);
      const heir = await scheduler('scheduler-2');
      await dying.kill();
      const tasks = [
        ['a', 'running'],
        ['lost', 'running'],
      ];
      expect(await heir.do({ do: 'adopt', tasks })).toMatchObject({ rest: ['lost'], running: ['a'] });
      dispatcher.end(key('a'), 'success');
      expect(await heir.until((said) => said.running.length === 0)).toMatchObject({ events: { a: 'success' } });
    });

    it('adopts running task instances unasked when the harness does not answer, within its 2 s', async () => {
      const driver = await scheduler();
      const before = performance.now();
      const tasks = [
        ['a', 'running'],
        ['b', 'queued'],
      ];
      expect(await driver.do({ do: 'adopt', tasks })).toMatchObject({ rest: ['b'], running: ['a'] });
      expect(performance.now() - before).toBeLessThan(ENDLESS_MS);
    });

    it('takes a workload back, and delivers it as new when it is queued again', async () => {
      await listen();
      const driver = await scheduler();
      await driver.do({ do: 'queue', task: 'a' });
      await driver.until((said) => said.unacked === 0);
      await driver.do({ do: 'revoke', task: 'a' });
      expect(await driver.until((said) => said.unacked === 0)).toMatchObject({ running: [], events: {} });
      await driver.do({ do: 'queue', task: 'a' });
      await driver.until((said) => said.unacked === 0);
      expect(handed).toHaveLength(2);
    });

    it('is believed over TCP only with the token, and logs why it is not', async () => {
      const token = 'a token of the hand-off';
      address = 'tcp:127.0.0.1:0';
      ({ address } = await listen(token));
      const intruder = await scheduler('scheduler-2', `${token}x`);
      await intruder.do({ do: 'queue', task: 'b' });
      await intruder.do({ do: 'beat' });
      const driver = await scheduler('scheduler-1', token);
      await driver.do({ do: 'queue', task: 'a' });
      await driver.until(({ unacked }) => unacked === 0);
      expect(await intruder.do({ do: 'beat' })).toMatchObject({ running: ['b'], unacked: 1, events: {} });
      expect(handed).toEqual(['a scheduler-1']);
      expect(intruder.printed.match(/refused: its WINDTUNNEL_HANDOFF_TOKEN is not the one of this run/g)).toHaveLength(
        1,
      );
    });

    it('ends in bounded time while no dispatcher listens', async () => {
      const driver = await scheduler();
      await driver.do({ do: 'queue', task: 'a' });
      const before = performance.now();
      await driver.do({ do: 'end' });
      expect(performance.now() - before).toBeLessThan(ENDLESS_MS);
    });
  });
}

/** What a scheduler does and what becomes of the workloads, by their number, in the order of their queueing. */
type Step = { readonly queue: string } | { readonly ends: number; readonly how: 'success' | 'fail' };

// `a` defers and comes back under its key before, and as, the end of its first part is known.
const SCRIPT: readonly Step[] = [
  { queue: 'a' },
  { queue: 'b' },
  { ends: 2, how: 'fail' },
  { queue: 'a' },
  { ends: 1, how: 'success' },
  { ends: 3, how: 'success' },
  { queue: 'c' },
  { queue: 'c' },
  { queue: 'c' },
  { ends: 5, how: 'success' },
  { ends: 4, how: 'fail' },
  { ends: 6, how: 'success' },
];

for (const version of RELEASES) {
  const install = await installed(version);
  it.skipIf(typeof install === 'string')(`behaves as the LocalExecutor of ${version}`, async () => {
    if (typeof install === 'string') return;
    const home = mkdtempSync(path.join(tmpdir(), 'wt-real-'));
    const address = `unix:${path.join(home, 'handoff.sock')}`;
    const dispatcher = await Dispatcher.listen({
      address,
      welcome: { behaviour: 'local', task_uuid: true },
      onWorkload: () => undefined,
    });
    const of = { home, address, name: 'scheduler-1' };
    const [ours, theirs] = await Promise.all([
      Driver.start(install, of),
      Driver.start(install, { ...of, local: home }),
    ]);
    try {
      await ours.until(() => dispatcher.known().executors === 1);
      await ours.do({ do: 'beat' });
      for (const [number, step] of SCRIPT.entries()) {
        const what = `step ${number + 1}`;
        if ('queue' in step) {
          // As a life does before it asks for its deferral.
          for (let delivery = 1; delivery <= number; delivery++) dispatcher.leave(delivery);
          const said = [
            await ours.do({ do: 'queue', task: step.queue }),
            await theirs.do({ do: 'queue', task: step.queue }),
          ];
          expect(visible(said[0]), what).toEqual(visible(said[1]));
          await ours.until(({ unacked }) => unacked === 0);
        } else {
          dispatcher.end(step.ends, step.how);
          writeFileSync(path.join(home, `${step.ends}.new`), step.how);
          renameSync(path.join(home, `${step.ends}.new`), path.join(home, String(step.ends)));
          const reports = ({ events }: Said) => Object.keys(events).length > 0;
          expect(visible(await ours.until(reports)), what).toEqual(visible(await theirs.until(reports)));
        }
      }
    } finally {
      await ours.kill();
      await theirs.kill();
      await dispatcher.close();
      rmSync(home, { recursive: true, force: true });
    }
  });
}

for (const version of ['3.1.8', '3.3.2', '3.4.0b2']) {
  const install = await installed(version);
  // On 3.4 also as an executor that does not distinguish attempts: its keys are those of before.
  for (const task_uuid of version.startsWith('3.4') ? [true, false] : [false]) {
    it.skipIf(typeof install === 'string')(`behaves as a CeleryExecutor on ${version}, ${task_uuid}`, async () => {
      if (typeof install === 'string') return;
      const home = mkdtempSync(path.join(tmpdir(), 'wt-real-'));
      const address = `unix:${path.join(home, 'handoff.sock')}`;
      const welcome = { behaviour: 'celery', task_uuid } as const;
      const dispatcher = await Dispatcher.listen({ address, welcome, onWorkload: () => undefined });
      const driver = await Driver.start(install, { home, address, name: 'scheduler-1' });
      try {
        await driver.until(() => dispatcher.known().executors === 1);
        await driver.do({ do: 'beat' });
        const isQueued = { events: { a: 'queued' }, running: ['a'], has: ['a'] };
        expect(visible(await driver.do({ do: 'queue', task: 'a' }))).toEqual(isQueued);
        await driver.until(({ unacked }) => unacked === 0);
        // It defers and comes back: its newer result is the one that counts.
        dispatcher.leave(1);
        expect(visible(await driver.do({ do: 'queue', task: 'a' }))).toEqual(isQueued);
        await driver.until(({ unacked }) => unacked === 0);
        dispatcher.end(1, 'fail');
        for (let beats = 0; beats < 5; beats++) {
          expect(visible(await driver.do({ do: 'beat' }))).toEqual({ events: {}, running: ['a'], has: ['a'] });
        }
        dispatcher.end(2, 'success');
        const ended = await driver.until(({ events }) => Object.keys(events).length > 0);
        expect(visible(ended)).toEqual({ events: { a: 'success' }, running: [], has: [] });
      } finally {
        await driver.kill();
        await dispatcher.close();
        rmSync(home, { recursive: true, force: true });
      }
    });
  }
}

function visible(said: Said | undefined) {
  return { events: said?.events, running: said?.running, has: said?.has };
}
