import { setTimeout as sleep } from 'node:timers/promises';

import { StackError } from '../model/errors.ts';
import { familyOf } from './proc.ts';

const SHUTDOWN_MS = 30_000;

/** Sends the signal to a process, which may have ended: then nothing is left to stop, to wake or to kill. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

/** Sends the signal to the process and its descendants, until no new ones appear. Returns their pids. */
export function sendToFamily(pid: number, signal: NodeJS.Signals): readonly number[] {
  const reached = new Set<number>();
  for (;;) {
    const fresh = familyOf([pid]).filter((member) => !reached.has(member));
    if (fresh.length === 0) return [...reached];
    for (const member of fresh) {
      reached.add(member);
      send(member, signal);
    }
  }
}

/** PostgreSQL's fast shutdown: it cuts all connections, rolls back all transactions and leaves consistent data. */
export async function stopPostgres(server: { readonly pid: number; readonly ended: Promise<string> }): Promise<void> {
  process.kill(server.pid, 'SIGINT');
  const how = await Promise.race([server.ended, sleep(SHUTDOWN_MS, undefined, { ref: false })]);
  if (how === undefined) throw new StackError(`PostgreSQL did not shut down within ${SHUTDOWN_MS / 1000} s.`);
}
