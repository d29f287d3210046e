import type { DagSpec, Scenario } from '../../harness/model/scenario.ts';
import { REAL_CLIENT, STEADY_HABITS } from '../shapes.ts';

const OTHERS = Array.from({ length: 8 }, (_, i) => `other_${i + 1}`);
/** Few, so that a build that stops them keeps its 500 workers busy. */
const SKIPPED = OTHERS.slice(0, 2);

/** Minutes long, like tasks in production. `early` lets all sides begin before the branch has chosen against two. */
function longBranch(dag_id: string): DagSpec {
  return {
    dag_id,
    schedule: '* * * * *',
    past_runs: 2,
    max_active_runs: 8,
    tasks: [
      { task_id: 'early', upstream: [], duration_ms: [1_000, 3_000] },
      { task_id: 'branch', upstream: [], duration_ms: [60_000, 120_000], skips: SKIPPED },
      { task_id: 'chosen', upstream: ['branch'], duration_ms: [30_000, 60_000] },
      ...OTHERS.map((task_id) => ({
        task_id,
        upstream: ['early', 'branch'],
        trigger_rule: 'one_success' as const,
        duration_ms: [150_000, 240_000] as const,
      })),
      {
        task_id: 'join',
        upstream: ['chosen', ...OTHERS],
        trigger_rule: 'none_failed_min_one_success',
        duration_ms: [1_000, 3_000],
      },
    ],
  };
}

/**
 * The setting in which #63266 was reported: 5 schedulers, about 500 live workers, branches, for as long as it takes.
 */
export const scenario: Scenario = {
  name: 'ha-500',
  describe: 'Five schedulers, about 500 live workers on long tasks, and branches: the setting of the report of #63266',
  duration_s: 1_800,
  schedulers: 5,
  api_servers: 2,
  dags: Array.from({ length: 18 }, (_, i) => longBranch(`wt_ha_${String(i + 1).padStart(2, '0')}`)),
  // Two cores carry the heartbeats of 500 workers every 10 s on average, not more.
  fleet: { ...REAL_CLIENT, heartbeat_ms: 6_667, habits: STEADY_HABITS },
  operators: [],
  aims: [
    'running-is-not-overwritten',
    'acknowledged-is-durable',
    'a-started-life-owns-its-task',
    'error-contract',
    'processes-stay-alive',
  ],
};
