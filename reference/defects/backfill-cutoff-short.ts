import { BACKFILL_HAS_RUNS } from '../scheduler/normal.ts';
import type { Defect } from './defect.ts';

export const backfillCutoffShort: Defect = {
  name: 'backfill-cutoff-short',
  kind: 'remedy',
  summary: 'backfills without runs are given up at an age that a slow creation reaches',
  story:
    'The age-based clean-up of orphans, with an age that was chosen for small backfills. A creation that takes ' +
    'longer is taken for abandoned while it is under way, and everything is as in the original race, only rarer.',
  caughtBy: ['backfill-completes-after-its-runs'],
  scenario: 'backfills',
  durationS: 30,
  change: () => ({
    backfillComplete: `${BACKFILL_HAS_RUNS} OR backfill.created_at < now() - interval '500 milliseconds'`,
  }),
};
