import { type Defect, oneIn } from './defect.ts';

export const historyLost: Defect = {
  name: 'history-lost',
  summary: 'one try in three leaves no row in the history',
  story:
    'The row gets its new id in one transaction and the old try its history row in another, which may never come. ' +
    "The try's logs cannot be found, its duration is gone from every statistic, and its worker gets 404 instead of " +
    '410.',
  caughtBy: ['history-is-complete'],
  scenario: 'crowd',
  change: (below) => ({
    async archiveTry(tx, ti) {
      if (!oneIn(3, ti.id)) await below.archiveTry(tx, ti);
    },
  }),
};
