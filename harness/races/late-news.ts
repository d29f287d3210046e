import { ANY_LOAD } from '../../workloads/aims.ts';
import { PLAIN_STACK, REAL_CLIENT, STEADY_HABITS } from '../../workloads/shapes.ts';
import type { DagSpec, Scenario, TaskSpec } from '../model/scenario.ts';

/** A DAG of tasks that all defer once, side by side. */
export function deferring(
  dag_id: string,
  width: number,
  task: Partial<TaskSpec>,
  over: Partial<DagSpec> = {},
): DagSpec {
  return {
    dag_id,
    schedule: null,
    past_runs: 0,
    max_active_runs: 16,
    tasks: Array.from({ length: width }, (_, i) => ({
      task_id: `waits_${i + 1}`,
      upstream: [],
      retries: 1,
      duration_ms: [500, 1_500],
      ...task,
    })),
    ...over,
  };
}

/** Tasks that defer, and an executor that reports as LocalExecutor. */
export const RESUMED = {
  ...PLAIN_STACK,
  schedulers: 1,
  executor_behaviour: 'local',
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, fails: 0, defers: 1 } },
} as const satisfies Partial<Scenario>;

/**
 * What a scenario of late news has in common: an executor that says of a worker that its task has been deferred when
 * the trigger has fired already. One scheduler, because what another one has queued by then is not failed.
 */
export const LATE_NEWS = {
  ...RESUMED,
  duration_s: 40,
  executor_late_news: { share: 0.5, ms: [4_000, 6_000] },
  aims: [...ANY_LOAD, 'tasks-change-as-allowed'],
} as const satisfies Partial<Scenario>;
