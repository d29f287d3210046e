import { familyOf } from '../system/proc.ts';

/** Sends it to a process that may have ended meanwhile: then there is nothing left to stop, to wake or to kill. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended.
  }
}

/** Sends it to the process and all that it started, until none is left that was started meanwhile. Returns whom. */
export function signalFamily(pid: number, name: NodeJS.Signals): readonly number[] {
  const reached = new Set<number>();
  for (;;) {
    const fresh = familyOf([pid]).filter((member) => !reached.has(member));
    if (fresh.length === 0) return [...reached];
    for (const member of fresh) {
      reached.add(member);
      signal(member, name);
    }
  }
}
