import type { Scenario } from '../../harness/model/scenario.ts';
import { TROUBLED_WORK } from '../aims.ts';
import { REAL_CLIENT, STEADY_HABITS, shortRuns } from '../shapes.ts';

// Alike, so that none has a better right to be served than another.
const dags = [1, 2, 3, 4, 5, 6].map((n) => shortRuns(`wt_crowd_${n}`, [1_000, 3_000]));
const ids = dags.map((dag) => dag.dag_id);

/**
 * Everything is scarce: runs wait for max_active_runs, tasks for slots of the pool, and tries follow each other.
 * Triggers ask for more than either lets through, so that both limits are reached within seconds and stay reached.
 */
export const scenario: Scenario = {
  name: 'crowd',
  describe: 'Many short DAG runs that wait for max_active_runs and a full pool; retries, impostors, clears and marks',
  duration_s: 60,
  schedulers: 2,
  api_servers: 1,
  dags,
  pool_slots: 12,
  fleet: {
    ...REAL_CLIENT,
    // Tasks are short: each should send a heartbeat or two.
    heartbeat_ms: 667,
    habits: { ...STEADY_HABITS, xcom: 0.6, fails: 0.15, lost_answer: 0.1, impostor: 0.15 },
  },
  operators: [
    { operator: 'trigger', dags: ids, every_ms: 500, start_after_ms: 0 },
    { operator: 'clear', dags: ids, every_ms: 2_500, start_after_ms: 4_000 },
    { operator: 'mark', dags: ids, every_ms: 4_000, start_after_ms: 6_000 },
  ],
  aims: [...TROUBLED_WORK, 'max-active-runs-is-kept', 'pool-slots-are-kept', 'skips-take-effect'],
};
