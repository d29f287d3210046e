import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { backfillTarget, REAL_CLIENT, STEADY_HABITS } from '../shapes.ts';

const groups = [1, 2, 3].map((group) => [1, 2, 3, 4, 5].map((n) => backfillTarget(`wt_backfill_${group}_${n}`)));

/**
 * The setting of #62561, and nothing else: at every moment the runs of some backfill are being created, so that the
 * schedulers' check, which comes every 30 s, cannot miss it; and others ask for a second backfill of the same DAG.
 */
export const scenario: Scenario = {
  name: 'backfills',
  describe: 'Backfills with runs being created at every moment, and requests for a second backfill of the same DAG',
  duration_s: 60,
  schedulers: 2,
  api_servers: 1,
  dags: groups.flat(),
  fleet: { ...REAL_CLIENT, habits: STEADY_HABITS },
  operators: groups.map((dags, i) => ({
    operator: 'backfill' as const,
    dags: dags.map((dag) => dag.dag_id),
    runs: 800,
    max_active_runs: 2,
    second_after_ms: 1_000,
    start_after_ms: 500 + i * 1_500,
    pause_ms: 200,
  })),
  aims: [...ANY_LOAD, 'backfill-completes-after-its-runs', 'backfill-does-not-block'],
};
