import { send, sendToFamily } from '../system/signals.ts';
import { type Fault, notOurs } from './fault.ts';
import { drawProcess, processOf } from './victims.ts';

/**
 * A process stands still and wakes up again, as on a host that swaps or a virtual machine that is moved: SIGSTOP to it
 * and its children, then SIGCONT. It keeps its connections, its locks and its belief that no time has passed.
 */
export const pause: Fault = {
  name: 'pause',
  describe: 'A scheduler, API server, dag-processor or triggerer stands still, keeping its locks, and wakes up',
  lasts_ms: [2_000, 12_000],
  unavailable: notOurs,
  draw: (host, rng) => ({ victim: drawProcess(host.processes, rng), with: {} }),

  async inject({ stack }, { victim }) {
    const stopped = sendToFamily(processOf(stack, victim).pid, 'SIGSTOP');
    return async () => {
      for (const member of stopped) send(member, 'SIGCONT');
      return `${stopped.length} of its processes stood still`;
    };
  },
};
