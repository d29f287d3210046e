import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SupervisedProcess } from '../model/stack.ts';

import { RunClock } from '../run-folder/clock.ts';
import { RunFolder } from '../run-folder/writer.ts';
import { ProcessTable } from '../system/process-table.ts';
import { Supervisor } from './supervisor.ts';

let folder: string;
let table: ProcessTable;
let record: RunFolder;
let observing: AbortController;
let failures: Error[];
let running: SupervisedProcess;
let supervisor: Supervisor;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  process.env.WINDTUNNEL_CACHE = folder;
  table = new ProcessTable(`supervise-test-${process.pid}`);
  record = new RunFolder(path.join(folder, 'run'));
  observing = new AbortController();
  failures = [];
  running = sleeper();
  const stack = {
    get processes() {
      return [running];
    },
    restart: () => {
      running = sleeper();
      return running;
    },
  };
  const fail = (error: Error) => failures.push(error);
  supervisor = new Supervisor({ record, clock: new RunClock(), fail }, stack, observing.signal);
  supervisor.start();
});

afterEach(async () => {
  observing.abort();
  await table.close();
  await record.close();
  delete process.env.WINDTUNNEL_CACHE;
  rmSync(folder, { recursive: true, force: true });
  expect(failures).toEqual([]);
});

function sleeper(): SupervisedProcess {
  return table.start('scheduler-1', 'sleep', ['300'], { env: process.env, cwd: folder, log: path.join(folder, 'log') });
}

async function kill(): Promise<number> {
  const { pid, ended } = running;
  process.kill(pid, 'SIGKILL');
  await ended;
  return pid;
}

async function another(than: number): Promise<void> {
  for (let waited = 0; running.pid === than; waited += 20) {
    if (waited > 60_000) throw new Error('it was not started again');
    await sleep(20);
  }
}

async function deaths(): Promise<string[]> {
  await record.flush();
  try {
    return readFileSync(path.join(record.path, 'raw', 'server_log.ndjson'), 'utf8')
      .trim()
      .split('\n');
  } catch {
    return []; // Nothing was ever written.
  }
}

test('a process that dies is recorded and started again', async () => {
  await another(await kill());
  expect(await deaths()).toEqual([expect.stringContaining('"FATAL","message":"scheduler-1 was ended by SIGKILL"')]);
});

test('one that is held stays dead until it is released, and is not recorded', async () => {
  const release = supervisor.hold('scheduler-1');
  const dead = await kill();
  await sleep(1_500);
  expect(running.pid).toBe(dead);
  await release();
  expect(running.pid).not.toBe(dead);
  await release();
  expect(await deaths()).toEqual([]);
});

test('one that was released alive is watched again: its death is recorded', async () => {
  await supervisor.hold('scheduler-1')();
  await another(await kill());
  expect(await deaths()).toHaveLength(1);
});

test('one that is held while it waits to be started again waits for that, too', async () => {
  const dead = await kill();
  const release = supervisor.hold('scheduler-1');
  await sleep(1_500);
  expect(running.pid).toBe(dead);
  await release();
  expect(running.pid).not.toBe(dead);
});
