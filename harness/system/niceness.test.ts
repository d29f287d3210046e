import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { Niceness } from './niceness.ts';

const hasSessions = existsSync('/proc/self/autogroup') && existsSync(`/proc/self/task/${process.pid}/children`);

test.skipIf(!hasSessions)('a process of the stack yields, and so does every session that it begins', async () => {
  const niceness = new Niceness();
  // Each second a session within the first one's, as PostgreSQL's connections have.
  const child = spawn('sh', ['-c', 'for i in 1 2; do setsid sleep 30 & sleep 1; done; wait'], {
    detached: true,
    stdio: 'ignore',
  });
  const pid = child.pid ?? 0;
  const sessions = () => [
    pid,
    ...childrenOf(pid).filter((one) => commandOf(one) === 'sleep' && sessionOf(one) === one),
  ];
  try {
    niceness.add(pid);
    expect(getPriority(pid)).toBe(10);
    await until(() => sessions().length === 3);
    await until(() => sessions().every((one) => readFileSync(`/proc/${one}/autogroup`, 'utf8').endsWith('nice 10\n')));
  } finally {
    niceness.close();
    for (const one of sessions().toReversed()) process.kill(one, 'SIGKILL');
    await ended(child);
  }
});

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter(Boolean);
}

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
}

function sessionOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[5]);
}

async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 50) {
    if (waited > 60_000) throw new Error('it did not come to be');
    await sleep(50);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  for (let waited = 0; child.signalCode === null && waited < 60_000; waited += 20) await sleep(20);
}
