import { setTimeout as sleep } from 'node:timers/promises';

import type { Defect } from './defect.ts';

const THINKING_MS = 60;

export const scheduleUnguarded: Defect = {
  name: 'schedule-unguarded',
  summary:
    'tasks are set to SCHEDULED by id alone (#60330), by schedulers that are made to give up their lock on the run',
  story:
    'The companion of the unguarded skip. Two schedulers read the same run, and the UPDATE by id of the slower one ' +
    'puts tasks back to SCHEDULED that are queued or running by now, or that a branch has skipped. The UPDATE is ' +
    'that of Airflow up to 3.1.8. How the second scheduler gets past the lock on the run, #60330 does not say: that ' +
    'the first one commits between reading and writing, and so gives the lock up, is our assumption.',
  caughtBy: ['running-is-not-overwritten', 'handed-off-can-start', 'skips-take-effect'],
  scenario: 'branches',
  change: () => ({
    schedulable: 'true',
    async betweenReadAndWrite(tx, ready) {
      if (ready === 0) return;
      await tx.query('COMMIT');
      await sleep(THINKING_MS);
      await tx.query('BEGIN');
    },
  }),
};
