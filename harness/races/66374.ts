import { ids } from '../../workloads/shapes.ts';
import { deferring, LATE_NEWS } from './late-news.ts';
import { type KnownRace, reported } from './race.ts';

// Those that are resumed wait for room: the DAG may run fewer than it has.
const task = { duration_ms: [1_000, 2_500] } as const;
const dags = [deferring('wt_deferring', 16, task, { max_active_tasks: 3, max_active_runs: 4 })];

export const failedAsItIsScheduled: KnownRace = {
  ...reported(66374),
  title: 'A task that had been resumed from its deferral was failed while it was scheduled',
  marks: [
    {
      invariant: 'tasks-change-as-allowed',
      variants: [
        'scheduler: scheduled → failed of a resumed task',
        'scheduler: scheduled → up_for_retry of a resumed task',
      ],
    },
  ],
  trial: {
    scenario: {
      ...LATE_NEWS,
      name: 'race-66374',
      describe: 'Deferred tasks that wait for room when the executor reports the end of their first part (#66374)',
      dags,
      operators: [{ operator: 'trigger', dags: ids(dags), every_ms: 2_000, start_after_ms: 0 }],
    },
    has: ['airflow@3.2.1', 'airflow@3.1.8'],
    has_not: 'airflow@3.2.2',
  },
  reference: 'reference+late-news-scheduled',
};
