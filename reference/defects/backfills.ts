import pg from 'pg';
import { BACKFILL_HAS_RUNS } from '../scheduler/normal.ts';
import type { Defect } from './defect.ts';

/** When a backfill is complete while its runs are being created (#62561). */
export const BACKFILL_DEFECTS: readonly Defect[] = [
  {
    name: 'backfill-no-guard',
    summary: 'a backfill without unfinished runs is complete, also while its runs are being created',
    story:
      'POST /backfills commits its row first and then creates runs for seconds or minutes. The completion check, ' +
      'every 30 s, sees no run that is unfinished, because there is none at all. The runs then run under a completed ' +
      'backfill, and a second one for the DAG is let in. Airflow up to 3.2.1.',
    caughtBy: ['backfill-completes-after-its-runs'],
    scenario: 'backfills',
    change: () => ({ backfillComplete: 'true' }),
  },

  {
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
  },

  {
    name: 'backfill-flush',
    kind: 'remedy',
    summary: 'the backfill row is flushed, not committed, before its runs: two at once do not see each other',
    story:
      'With one transaction for the row and its runs, the scheduler cannot complete what it cannot see. Neither can ' +
      'a second POST for the same DAG: both count no active backfill, and both are admitted.',
    caughtBy: ['backfill-does-not-block'],
    scenario: 'backfills',
    durationS: 30,
    change: () => ({ async publishBackfill() {}, async lockForBackfill() {} }),
  },

  {
    name: 'backfills-at-once',
    summary: 'whether a backfill of the DAG is active is asked without a lock: of two at once both are admitted',
    story:
      'A user clicks twice, or a script and a user ask for the same dates: both requests count no active backfill, ' +
      'and both create one. So in all releases up to 3.3.2.',
    caughtBy: ['backfill-does-not-block'],
    scenario: 'race-backfills-at-once',
    durationS: 30,
    change: () => ({ async lockForBackfill() {} }),
  },

  {
    name: 'backfill-creation-breaks',
    kind: 'circumstance',
    summary: 'every other backfill loses a lock while its runs are created: 503, and no runs',
    story:
      'What makes orphans: the creation of the runs fails after the row of the backfill was committed. 3.3.2 cleans ' +
      'up behind itself and answers 503; so does the reference stack, and nothing is wrong with that.',
    caughtBy: [],
    scenario: 'backfills',
    change: (below) => ({
      async beforeBackfillRun(tx, creation) {
        await below.beforeBackfillRun(tx, creation);
        const { backfillId, ordinal } = creation;
        if (backfillId % 2 === 1 || ordinal !== 10) return;
        const error = new pg.DatabaseError('could not obtain lock on row in relation "dag"', 0, 'error');
        error.code = '55P03';
        throw error;
      },
    }),
  },

  {
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
  },

  {
    name: 'backfill-complete-on-failure',
    kind: 'remedy',
    summary: 'a creation that fails completes its backfill itself; no age is needed',
    story:
      'The EXISTS guard, and when creating the runs fails, completed_at is written in a new transaction. It cures ' +
      'all but one thing: a server that is killed in the middle cannot write any more, and its orphan stays.',
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
  },
];
