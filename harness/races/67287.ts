import { ids } from '../../workloads/shapes.ts';
import { deferring, LATE_NEWS } from './late-news.ts';
import { type KnownRace, reported } from './race.ts';

const dags = [deferring('wt_deferring', 8, { pickup_ms: [2_000, 8_000] })];

export const failedInTheQueue: KnownRace = {
  ...reported(67287),
  title: 'A task that had been resumed from its deferral was failed while it was queued',
  marks: [
    {
      invariant: 'tasks-change-as-allowed',
      variants: ['scheduler: queued → failed of a resumed task', 'scheduler: queued → up_for_retry of a resumed task'],
    },
  ],
  trial: {
    scenario: {
      ...LATE_NEWS,
      name: 'race-67287',
      describe: 'Deferred tasks that are queued again when the executor reports the end of their first part (#67287)',
      dags,
      operators: [{ operator: 'trigger', dags: ids(dags), every_ms: 3_000, start_after_ms: 0 }],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  reference: 'reference+late-news-queued',
};
