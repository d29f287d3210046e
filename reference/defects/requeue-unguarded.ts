import type { Defect } from './defect.ts';

export const requeueUnguarded: Defect = {
  name: 'requeue-unguarded',
  summary: 'a task that is stuck in QUEUED is set back to SCHEDULED by its key alone, though a worker has started it',
  story:
    'The scheduler reads what has been queued for too long, and has the executor revoke one after the other. Where ' +
    'the queue is slow that takes seconds, in which a slow worker may start its task. The UPDATE that follows does ' +
    'not check the state: the task runs, is SCHEDULED, and is run again.',
  caughtBy: ['running-is-not-overwritten'],
  scenario: 'stuck',
  durationS: 45,
  faults: 'revoke-slow',
  change: () => ({ requeueable: 'true' }),
};
