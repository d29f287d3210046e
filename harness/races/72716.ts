import { ids } from '../../workloads/shapes.ts';
import { deferring, LATE_NEWS } from './late-news.ts';
import { type KnownRace, reported } from './race.ts';

const dags = [deferring('wt_deferring', 8, { duration_ms: [1_000, 9_000] })];

export const failedAsItRuns: KnownRace = {
  ...reported(72716),
  title: 'A task that had been resumed from its deferral was failed while its worker ran it',
  marks: [{ invariant: 'running-is-not-overwritten', variants: ['resumed task'] }],
  trial: {
    scenario: {
      ...LATE_NEWS,
      name: 'race-72716',
      describe:
        'Deferred tasks that are resumed and run when the executor reports the end of their first part (#72716)',
      dags,
      operators: [{ operator: 'trigger', dags: ids(dags), every_ms: 3_000, start_after_ms: 0 }],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  reference: 'reference+late-news-running',
};
