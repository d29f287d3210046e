import { BACKFILL_HAS_RUNS } from '../scheduler/normal.ts';
import type { Defect } from './defect.ts';

export const backfillCompleteOnFailure: Defect = {
  name: 'backfill-complete-on-failure',
  kind: 'remedy',
  summary: 'a creation that fails completes its backfill itself; no age is needed',
  story:
    'The EXISTS guard, and when creating the runs fails, completed_at is written in a new transaction. It cures all ' +
    'but one thing: a server that is killed in the middle cannot write any more, and its orphan stays.',
  caughtBy: [],
  scenario: 'backfills',
  durationS: 95,
  on: ['backfill-creation-breaks'],
  change: () => ({
    backfillComplete: BACKFILL_HAS_RUNS,
    async backfillFailed(db, backfillId) {
      await db.query('UPDATE backfill SET completed_at = now(), updated_at = now() WHERE id = $1', [backfillId]);
    },
  }),
};
