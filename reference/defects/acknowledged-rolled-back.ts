import { randomInt } from 'node:crypto';

import type { Defect } from './defect.ts';

export const acknowledgedRolledBack: Defect = {
  name: 'acknowledged-rolled-back',
  summary: 'one end report in twenty is acknowledged and then not committed',
  story:
    'The answer goes out before the COMMIT, and the COMMIT fails: a lost connection, a broken deferred constraint, ' +
    'a server that is restarted. The worker has forgotten its task, the database shows it RUNNING, and half a ' +
    'minute later it is taken for dead. Not so in 3.1.8, which holds FastAPI below 0.118, where a session would end ' +
    'after the answer (apache/airflow#56239), nor in 3.2.1 to 3.3.2, where it ends with the handler.',
  caughtBy: ['acknowledged-is-durable'],
  scenario: 'storm',
  durationS: 20,
  change: (below) => ({
    async conclude(tx, request) {
      if (request.kind === 'state' && randomInt(20) === 0) await tx.query('ROLLBACK');
      else await below.conclude(tx, request);
    },
  }),
};
