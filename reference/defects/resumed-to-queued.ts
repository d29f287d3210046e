import type { Defect } from './defect.ts';

export const resumedToQueued: Defect = {
  name: 'resumed-to-queued',
  summary: 'a trigger that has fired sets its task to QUEUED instead of SCHEDULED',
  story:
    'No scheduler has queued it: no slot of its pool was counted, and no scheduler hands it to a worker. The task ' +
    'waits until it is taken for stuck, ten minutes later.',
  caughtBy: ['tasks-change-as-allowed', 'work-goes-on'],
  scenario: 'mishaps',
  change: () => ({ resumedState: 'queued' }),
};
