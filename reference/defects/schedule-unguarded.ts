import { setTimeout as sleep } from 'node:timers/promises';

import type { Defect } from './defect.ts';

const THINKING_MS = 60;

export const scheduleUnguarded: Defect = {
  name: 'schedule-unguarded',
  kind: 'defect',
  race: '#63266',
  summary: 'tasks are set to SCHEDULED by id alone, by schedulers that have lost their lock on the run (#60330)',
  story:
    'The companion of the unguarded skip. Something in the loop commits between reading a run and writing its ' +
    "decisions, and with the commit the lock on the run is gone. A second scheduler reads the same, and the slower one's " +
    'UPDATE by id puts tasks back to SCHEDULED that are queued or running by now, or that a branch has skipped. ' +
    'Airflow up to 3.1.8.',
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
