import type { Defect } from './defect.ts';

export const requeueUnguarded: Defect = {
  name: 'requeue-unguarded',
  kind: 'defect',
  summary: 'a task that is stuck in QUEUED is set back to SCHEDULED by its key alone, though a worker has started it',
  story:
    'The scheduler reads what has been queued for too long, and tells the executor of one after the other. That takes ' +
    'its time where the queue is slow, and a worker that was slow, too, starts the task meanwhile. The UPDATE that ' +
    'follows does not ask: the task runs, is SCHEDULED, and is run again.',
  caughtBy: ['running-is-not-overwritten'],
  scenario: 'stuck',
  durationS: 45,
  faults: 'revoke-slow',
  change: () => ({ requeueable: 'true' }),
};
