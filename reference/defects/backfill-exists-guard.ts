import { BACKFILL_HAS_RUNS } from '../scheduler/normal.ts';
import type { Defect } from './defect.ts';

export const backfillExistsGuard: Defect = {
  name: 'backfill-exists-guard',
  kind: 'remedy',
  summary: 'a backfill is complete only if it has had runs: one that never got any blocks its DAG forever',
  story:
    'The first remedy that the report discusses. It closes the race, and leaves the orphans: where the creation ' +
    'failed after the row was committed, no run will ever come, the backfill is never completed, and every later ' +
    'backfill of the DAG is refused with 409.',
  caughtBy: ['backfill-does-not-block'],
  scenario: 'backfills',
  // An orphan is given up after two minutes, at a look that comes every 30 s.
  durationS: 190,
  on: ['backfill-creation-breaks'],
  change: () => ({
    backfillComplete: BACKFILL_HAS_RUNS,
    async backfillFailed() {},
  }),
};
