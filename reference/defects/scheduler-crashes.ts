import { randomInt } from 'node:crypto';

import type { Defect } from './defect.ts';

export const schedulerCrashes: Defect = {
  name: 'scheduler-crashes',
  summary: 'now and then an error that is not caught ends a scheduler',
  story:
    'One run that cannot be examined, for a template, a timetable or a deadlock that was not retried often enough, ' +
    'and the process is gone. It is started again and meets the same run. Nothing is lost, but for a minute no ' +
    'scheduler adopts its tasks. Airflow 3.2.1 was seen to end so after a deadlock between two schedulers.',
  caughtBy: ['processes-stay-alive'],
  scenario: 'storm',
  durationS: 20,
  change: () => ({
    async betweenReadAndWrite(_tx, ready) {
      if (ready > 0 && randomInt(3) === 0) throw new Error('this run cannot be examined');
    },
  }),
};
