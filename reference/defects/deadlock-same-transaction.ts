import type { Defect } from './defect.ts';
import { writeFailed } from './write-failed.ts';

export const deadlockSameTransaction: Defect = {
  name: 'deadlock-same-transaction',
  summary: 'the handler writes "failed" into the transaction that the deadlock has aborted',
  story:
    'After the deadlock the handler logs "Setting the task to failed" and does it, in the same session. PostgreSQL ' +
    'takes nothing more in an aborted transaction: the worker gets a 500 and the log is wrong about what happened. ' +
    'Airflow 3.2.0 and 3.2.1.',
  caughtBy: ['error-contract', 'no-deadlocks'],
  scenario: 'storm',
  on: ['state-lock-joined'],
  change: () => ({
    endFailed: ({ tx, id }) => writeFailed(tx, id),
  }),
};
