import { setTimeout as sleep } from 'node:timers/promises';
import { familyOf, readProcessStats } from '../../system/proc.ts';
import { send, sendToFamily } from '../../system/signals.ts';
import { type Fault, notOurs } from '../fault.ts';
import { drawProcess, processOf } from '../victims.ts';

/** Shorter than any time-out of the processes, and much longer than stopping a family of processes takes. */
const SLICE_MS = 100;
/** After so many slices new children are looked for. */
const FAMILY_SLICES = 10;

/**
 * A process gets a small share of a processor, like a pod that is throttled at its CPU limit: it runs for the first few
 * milliseconds of each slice and is stopped for the rest.
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
    const end = new AbortController();
    const throttling = throttle(pid, (SLICE_MS * Number(percent)) / 100, end.signal);
    return async () => {
      end.abort();
      await throttling;
      const used = (cpuOf(pid) - usedBefore).toFixed(2);
      return `it used ${used} s of a processor in ${((clock.now() - fromMs) / 1000).toFixed(1)} s`;
    };
  },
};

/** Resolves when `end` aborts, with all processes running again. */
async function throttle(pid: number, runMs: number, end: AbortSignal): Promise<void> {
  const nap = (ms: number) => sleep(ms, undefined, { signal: end }).catch(() => undefined);
  let family: readonly number[] = [];
  for (let slice = 0; !end.aborted; slice++) {
    // Finding the children means reading /proc of every process.
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
