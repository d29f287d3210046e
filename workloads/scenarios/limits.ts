import type { DagSpec, Scenario } from '../../harness/model/scenario.ts';
import { ids, PLAIN_STACK } from '../shapes.ts';

function limitedTo(dag_id: string, limits: Partial<DagSpec['tasks'][number]>): DagSpec {
  const habits = { defers: 0.6, fails: 0 };
  return {
    ...{ dag_id, schedule: null, past_runs: 0, max_active_runs: 16 },
    tasks: [
      { task_id: 'list', upstream: [], duration_ms: [100, 300] },
      { task_id: 'each', upstream: ['list'], mapped: 8, duration_ms: [1_000, 2_000], habits, ...limits },
    ],
  };
}

const everywhere = limitedTo('wt_licences', { max_active_tis_per_dag: 3 });
const inRun = limitedTo('wt_connections', { max_active_tis_per_dagrun: 2 });
const narrow = limitedTo('wt_narrow', { pool: 'narrow', priority_weight: 10 });
const urgent = limitedTo('wt_urgent', { pool: 'narrow', priority_weight: 50 });

/** What may not run at once: schedulers that count at the same moment, and tasks that wait for their trigger. */
export const scenario: Scenario = {
  ...PLAIN_STACK,
  name: 'limits',
  describe: 'Tasks with limits of their own, in all runs and in one, and a narrow pool with priorities; many defer',
  duration_s: 60,
  dags: [everywhere, inRun, narrow, urgent],
  pools: { narrow: 4 },
  operators: [
    { operator: 'trigger', dags: ids([everywhere, inRun]), every_ms: 4_000, start_after_ms: 0 },
    { operator: 'trigger', dags: ids([narrow, urgent]), every_ms: 6_000, start_after_ms: 1_000 },
  ],
  aims: ['task-limits-are-kept', 'pool-slots-are-kept'],
};
