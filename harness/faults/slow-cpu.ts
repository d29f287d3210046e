import { setTimeout as sleep } from 'node:timers/promises';
import { familyOf, readProcessStats } from '../system/proc.ts';
import { send, sendToFamily } from '../system/signals.ts';
import { type Fault, notOurs } from './fault.ts';
import { drawProcess, processOf } from './victims.ts';

/** Short against what any of them waits for, long against what stopping a family of processes takes. */
const SLICE_MS = 100;
/** How many slices until children that were started meanwhile are found. */
const FAMILY_SLICES = 10;

/**
 * A process gets a small share of a processor, as a pod does that is throttled at its CPU limit: it runs for the first
 * few milliseconds of each slice and stands still for the rest.
 */
export const slowCpu: Fault = {
  name: 'slow-cpu',
  describe: 'A scheduler, API server, dag-processor or triggerer gets a twentieth to a fifth of a processor',
  lasts_ms: [3_000, 15_000],
  unavailable: notOurs,
  draw: (host, rng) => ({
    victim: drawProcess(host.processes, rng),
    with: { percent: Math.round(rng.between(5, 20)) },
  }),

  async inject({ stack, clock }, { victim, with: { percent } }) {
    const { pid } = processOf(stack, victim);
    const [fromMs, usedBefore] = [clock.now(), cpuOf(pid)];
    const over = new AbortController();
    const throttling = throttle(pid, (SLICE_MS * Number(percent)) / 100, over.signal);
    return async () => {
      over.abort();
      await throttling;
      const used = (cpuOf(pid) - usedBefore).toFixed(2);
      return `it used ${used} s of a processor in ${((clock.now() - fromMs) / 1000).toFixed(1)} s`;
    };
  },
};

/** Resolves when `over` aborts, with everything running again. */
async function throttle(pid: number, runMs: number, over: AbortSignal): Promise<void> {
  const nap = (ms: number) => sleep(ms, undefined, { signal: over }).catch(() => undefined);
  let family: readonly number[] = [];
  for (let slice = 0; !over.aborted; slice++) {
    // Looking for its children means reading every process there is.
    if (slice % FAMILY_SLICES === 0) family = sendToFamily(pid, 'SIGSTOP');
    else for (const member of family) send(member, 'SIGSTOP');
    await nap(SLICE_MS - runMs);
    for (const member of family) send(member, 'SIGCONT');
    await nap(runMs);
  }
  for (const member of familyOf([pid])) send(member, 'SIGCONT');
}

/** Seconds; 0 once it has ended, or where that cannot be read. */
function cpuOf(pid: number): number {
  return readProcessStats([pid]).get(pid)?.cpuS ?? 0;
}
