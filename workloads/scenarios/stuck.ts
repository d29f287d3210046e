import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { fanOut, QUICK_BEATS, STEADY_HABITS, unscheduled } from '../shapes.ts';

const busy = unscheduled(fanOut('wt_stuck', 10, [1_500, 4_000]), 64);
const dag = {
  ...busy,
  // Before and after the schedulers requeue them.
  tasks: busy.tasks.map((task) => ({ ...task, pickup_ms: [3_000, 14_000] as const })),
};

/** Workers start slowly: a cluster that scales up, a full node. Schedulers requeue some of their tasks. */
export const scenario: Scenario = {
  name: 'stuck',
  describe: 'Workers that start late, some after their task was requeued as stuck in QUEUED',
  duration_s: 60,
  schedulers: 1,
  api_servers: 1,
  // Airflow's LocalExecutor revokes nothing before 3.4.
  executor_behaviour: 'celery',
  queued_timeout_s: 8,
  dags: [dag],
  fleet: { ...QUICK_BEATS, habits: STEADY_HABITS },
  operators: [{ operator: 'trigger', dags: [dag.dag_id], every_ms: 2_000, start_after_ms: 0 }],
  chaos: { faults: ['revoke-slow'], pause_ms: [1_000, 3_000] },
  aims: [...ANY_LOAD, 'running-is-not-overwritten'],
};
