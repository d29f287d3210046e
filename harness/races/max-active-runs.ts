import { ANY_LOAD } from '../../workloads/aims.ts';
import { backfillTarget, ids, PLAIN_STACK } from '../../workloads/shapes.ts';
import type { DagSpec } from '../model/scenario.ts';
import { type KnownRace, unreported } from './race.ts';

const brief = [1, 2, 3, 4].map((n): DagSpec => ({ ...backfillTarget(`wt_brief_${n}`), max_active_runs: 3 }));

export const maxActiveRuns: KnownRace = {
  ...unreported('max-active-runs'),
  title:
    'Two schedulers that counted the running runs of a DAG at the same moment each started another one, beyond ' +
    'max_active_runs',
  marks: [{ invariant: 'max-active-runs-is-kept', variants: ['two schedulers at once'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-max-active-runs',
      describe:
        'More short DAG runs than max_active_runs allows, while schedulers start the next ones at the same moment',
      duration_s: 45,
      dags: brief,
      operators: [{ operator: 'trigger', dags: ids(brief), every_ms: 150, start_after_ms: 0 }],
      aims: [...ANY_LOAD, 'max-active-runs-is-kept'],
    },
    also: ['crowd'],
    has: ['airflow@3.3.2', 'airflow@3.2.2'],
    has_not: null,
  },
  places: [
    {
      does: 'scheduler, counts running runs and starts others',
      file: 'jobs/scheduler_job_runner.py',
      within: '_start_queued_dagruns',
    },
  ],
  // The defect max-active-runs-exceeded is another: a single scheduler that counts wrongly.
  reference: null,
};
