import { ANY_LOAD } from '../../workloads/aims.ts';
import { backfillTarget, ids, PLAIN_STACK } from '../../workloads/shapes.ts';
import { type KnownRace, reported } from './race.ts';

const groups = [1, 2].map((group) => [1, 2, 3, 4, 5].map((n) => backfillTarget(`wt_backfill_${group}_${n}`)));

export const backfillCompletesEarly: KnownRace = {
  ...reported(62561),
  title: 'A backfill was marked completed before its runs had been created',
  marks: [{ invariant: 'backfill-completes-after-its-runs', variants: null }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-62561',
      describe: 'Backfills with runs that take long to create, while schedulers look for completed ones (#62561)',
      // Schedulers look for completed backfills every 30 s: a shorter run may contain no such look.
      duration_s: 45,
      dags: groups.flat(),
      operators: groups.map((dags, i) => ({
        operator: 'backfill' as const,
        dags: ids(dags),
        runs: 800,
        max_active_runs: 2,
        second_after_ms: null,
        start_after_ms: 500 + i * 1_500,
        pause_ms: 200,
      })),
      aims: [...ANY_LOAD, 'backfill-completes-after-its-runs'],
    },
    also: ['seeds', 'backfills'],
    has: ['airflow@3.2.1'],
    has_not: 'airflow@3.2.2',
  },
  places: [
    {
      does: 'scheduler, looks for backfills without unfinished runs',
      file: 'jobs/scheduler_job_runner.py',
      within: '_mark_backfills_complete',
      code: 'Backfill.completed_at.is_(None)',
    },
    {
      does: 'API server, commits the backfill before it makes its runs',
      file: 'models/backfill.py',
      within: '_create_backfill',
      code: 'session.commit()',
    },
  ],
  reference: 'reference+backfill-no-guard',
  related: [
    'backfill-cutoff-short',
    'backfill-flush',
    'backfill-creation-breaks',
    'backfill-exists-guard',
    'backfill-complete-on-failure',
  ],
};
