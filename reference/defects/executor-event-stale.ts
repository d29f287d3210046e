import type { Defect } from './defect.ts';

export const executorEventStale: Defect = {
  name: 'executor-event-stale',
  summary: 'an executor event that comes late is taken for one about the next try, which is then failed',
  story:
    'The first try ended and was followed by another before the scheduler read the executor\'s word about it. "The ' +
    'executor says it ended, the database says it runs": without a look at the try number that is a state mismatch, ' +
    'and the second try is failed while its worker works.',
  caughtBy: ['running-is-not-overwritten', 'a-started-life-owns-its-task'],
  scenario: 'mishaps',
  durationS: 30,
  change: () => ({ concernsThisTry: () => true, eventDelayMs: 4_000 }),
};
