import { send, sendToFamily } from '../../system/signals.ts';
import { type Fault, notOurs } from '../fault.ts';
import { drawProcess, processOf } from '../victims.ts';

/**
 * As on a host that swaps or in a virtual machine that is moved: SIGSTOP to a process and its children, then SIGCONT.
 * It keeps its connections and its locks, and does not know that time has passed.
 */
export const pause: Fault = {
  name: 'pause',
  describe: 'A scheduler, API server, dag-processor or triggerer is suspended, keeps its locks, and resumes',
  lasts_ms: [2_000, 12_000],
  unavailable: notOurs,
  draw: (host, rng) => ({ victim: drawProcess(host.processes, rng), with: {} }),

  async inject({ stack }, { victim }) {
    const stopped = sendToFamily(processOf(stack, victim).pid, 'SIGSTOP');
    return async () => {
      for (const member of stopped) send(member, 'SIGCONT');
      return `${stopped.length} of its processes were suspended`;
    };
  },
};
