import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { backfillTarget, ids, PLAIN_STACK } from '../shapes.ts';

const creating = [1, 2, 3, 4, 5, 6].map((n) => backfillTarget(`wt_backfill_${n}`));
const empty = [1, 2, 3].map((n) => backfillTarget(`wt_empty_${n}`));

/**
 * What a remedy of #62561 may break, beside what it cures: a request for no runs at all, a server that is killed while
 * it creates runs, and a second request for the same DAG at that time. What each leaves behind must not block its DAG.
 */
export const scenario: Scenario = {
  ...PLAIN_STACK,
  name: 'orphans',
  describe: 'Backfills that get no runs: requests without dates, and a server that is killed while it creates runs',
  duration_s: 90,
  dags: [...creating, ...empty],
  operators: [
    {
      operator: 'backfill',
      dags: ids(creating),
      runs: 300,
      max_active_runs: 1,
      second_after_ms: 1_000,
      start_after_ms: 500,
      pause_ms: 200,
    },
    {
      operator: 'backfill',
      dags: ids(empty),
      runs: 1,
      max_active_runs: 1,
      second_after_ms: null,
      start_after_ms: 3_000,
      pause_ms: 5_000,
      empty: true,
    },
  ],
  // Schedulers look for completed backfills every 30 s: there is a look before the first kill.
  chaos: { faults: ['kill:api-core'], pause_ms: [35_000, 40_000], lasts_ms: [1_000, 2_000] },
  aims: [...ANY_LOAD, 'backfill-completes-after-its-runs', 'backfill-does-not-block'],
};
