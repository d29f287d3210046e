import { sendToFamily } from '../../system/signals.ts';
import { type Fault, notOurs } from '../fault.ts';
import { drawProcess, processOf } from '../victims.ts';

/**
 * As on a host that loses its power or in a container that used too much memory: SIGKILL to a process and its children.
 * It is started again when the window closes.
 */
export const kill: Fault = {
  name: 'kill',
  describe: 'A scheduler, API server, dag-processor or triggerer is killed and started again seconds later',
  lasts_ms: [1_000, 15_000],
  unavailable: notOurs,
  draw: (host, rng) => ({ victim: drawProcess(host.processes, rng), with: {} }),

  async inject({ stack, hold }, { victim }) {
    const before = processOf(stack, victim);
    const release = hold(victim);
    const killed = sendToFamily(before.pid, 'SIGKILL');
    await before.ended;
    return async () => {
      await release();
      const after = stack.processes.find(({ name }) => name === victim);
      return (
        `process ${before.pid} and ${killed.length - 1} of its children were killed; ` + `process ${after?.pid} follows`
      );
    };
  },
};
