import type { Defect } from './defect.ts';

export const backfillNoGuard: Defect = {
  name: 'backfill-no-guard',
  summary: 'a backfill without unfinished runs is complete, also while its runs are being created',
  story:
    'POST /backfills commits its row first and then creates runs for seconds or minutes. The completion check, ' +
    'every 30 s, sees no run that is unfinished, because there is none at all. The runs then run under a completed ' +
    'backfill, and a second one for the DAG is let in. Airflow up to 3.2.1.',
  caughtBy: ['backfill-completes-after-its-runs'],
  scenario: 'backfills',
  change: () => ({ backfillComplete: 'true' }),
};
