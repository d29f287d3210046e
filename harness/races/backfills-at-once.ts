import { ANY_LOAD } from '../../workloads/aims.ts';
import { backfillTarget, ids, PLAIN_STACK } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const asked = [1, 2].map((group) => [1, 2, 3, 4, 5].map((n) => backfillTarget(`wt_asked_${group}_${n}`)));

export const backfillsAtOnce: KnownRace = {
  ...unreported('backfills-at-once'),
  title: 'Two backfills of a DAG that were requested at the same moment were both accepted',
  marks: [{ invariant: 'backfill-does-not-block', variants: ['requested at the same time'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-backfills-at-once',
      describe: 'Two users who request a backfill of the same DAG at the same moment',
      duration_s: 30,
      dags: asked.flat(),
      operators: asked.map((dags, i) => ({
        operator: 'backfill' as const,
        dags: ids(dags),
        runs: 5,
        max_active_runs: 2,
        second_after_ms: 5,
        start_after_ms: 500 + i * 1_500,
        pause_ms: 500,
      })),
      aims: [...ANY_LOAD],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  places: [
    {
      does: 'API server, counts active backfills without a lock',
      file: 'models/backfill.py',
      within: '_create_backfill',
      code: 'num_active = ',
    },
    {
      does: 'API server, commits its own',
      file: 'models/backfill.py',
      within: '_create_backfill',
      code: 'session.commit()',
    },
  ],
  reference: 'reference+backfills-at-once',
};
