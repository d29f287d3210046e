import { setTimeout as sleep } from 'node:timers/promises';

import type { SupervisedProcess } from '../model/stack.ts';
import { send, sendToFamily } from '../system/signals.ts';

/** As long as Kubernetes waits for a pod: `terminationGracePeriodSeconds`. */
const GRACE_MS = 30_000;

/** Those that queue tasks or change DAGs: an upgrade ends them first, so that running tasks can still report. */
const MAKES_WORK = /^(scheduler|dag-processor|triggerer)/;

export function makesWork({ name }: Pick<SupervisedProcess, 'name'>): boolean {
  return MAKES_WORK.test(name);
}

/** Asks processes to end, as a service manager does, and kills those that have not after half a minute. */
export async function endInOrder(processes: readonly SupervisedProcess[]): Promise<void> {
  await Promise.all(
    processes.map(async ({ pid, ended }) => {
      send(pid, 'SIGTERM');
      const how = await Promise.race([ended, sleep(GRACE_MS, undefined, { ref: false })]);
      if (how === undefined) sendToFamily(pid, 'SIGKILL');
      await ended;
    }),
  );
}
