import type { Defect } from './defect.ts';

export const backfillFlush: Defect = {
  name: 'backfill-flush',
  kind: 'remedy',
  summary: 'the backfill row is flushed, not committed, before its runs: two at once do not see each other',
  story:
    'With one transaction for the row and its runs, the scheduler cannot complete what it cannot see. Neither can a ' +
    'second POST for the same DAG: both count no active backfill, and both are admitted.',
  caughtBy: ['backfill-does-not-block'],
  scenario: 'backfills',
  durationS: 30,
  change: () => ({ async publishBackfill() {} }),
};
