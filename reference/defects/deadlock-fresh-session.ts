import type { Defect } from './defect.ts';
import { writeFailed } from './write-failed.ts';

export const deadlockFreshSession: Defect = {
  name: 'deadlock-fresh-session',
  kind: 'remedy',
  summary: 'the handler writes "failed" in a fresh session: a success is recorded as a failure',
  story:
    'The report asks for the failure to be written in a fresh session. Done to the letter, a worker that lost a ' +
    'deadlock with its end report gets 204 and forgets its task, and a task that did its work stays FAILED. A ' +
    'deadlock is a reason to try again, not a verdict on the task.',
  caughtBy: ['acknowledged-is-durable', 'no-deadlocks'],
  scenario: 'storm',
  on: ['state-lock-joined'],
  change: () => ({
    endFailed: ({ inFreshTransaction, id }) => inFreshTransaction((tx) => writeFailed(tx, id)),
  }),
};
