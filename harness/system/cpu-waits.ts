import { readdirSync, readFileSync } from 'node:fs';

const NS_PER_MS = 1e6;

/**
 * For how long, in milliseconds since it began, a thread has been ready to run while other programs had every
 * processor: proc(5), `/proc/PID/task/TID/schedstat`. Undefined where the kernel does not count it.
 */
export function cpuWaitMs(folder: string): number | undefined {
  try {
    const [, waitedNs] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ');
    return waitedNs === undefined ? undefined : Number(waitedNs) / NS_PER_MS;
  } catch {
    return undefined; // Not Linux, a kernel without it, or gone.
  }
}

/**
 * The longest time that any thread of a process has waited for a processor since the previous reading. A transaction
 * runs in one thread, and which one is not visible from outside: the longest is what it has waited at most.
 */
export class CpuWaits {
  #before: ReadonlyMap<string, number> | undefined;

  /** Milliseconds by process, of which each may have several pids; nothing in the first reading. */
  read(processes: ReadonlyMap<string, readonly number[]>): Map<string, number> {
    const now = new Map<string, number>();
    const longest = new Map<string, number>();
    for (const [name, pids] of processes) {
      for (const thread of pids.flatMap(threadsOf)) {
        const waitedMs = cpuWaitMs(thread);
        if (waitedMs === undefined) continue;
        now.set(thread, waitedMs);
        // A thread that is new has waited since it began.
        if (this.#before) {
          const sinceMs = waitedMs - (this.#before.get(thread) ?? 0);
          longest.set(name, Math.max(longest.get(name) ?? 0, sinceMs));
        }
      }
    }
    this.#before = now;
    return longest;
  }
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`);
  } catch {
    return []; // Gone, or no /proc here.
  }
}
