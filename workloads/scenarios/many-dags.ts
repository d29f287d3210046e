import type { Scenario } from '../../harness/model/scenario.ts';
import { STEADY_WORK } from '../aims.ts';
import { fanOut, ids, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../shapes.ts';

const dags = Array.from({ length: 20 }, (_, i) =>
  unscheduled(fanOut(`wt_many_${String(i + 1).padStart(2, '0')}`, 8, [6_000, 16_000])),
);

/**
 * A scheduler locks the DAG runs that it examines in one step, and moves the tasks of one after the other to a new
 * version: the more runs there are, the longer the last of them are locked before their tasks are.
 */
export const scenario: Scenario = {
  name: 'many-dags',
  describe: 'Twenty DAGs with a run each under way, some of which get a new version every two seconds',
  duration_s: 60,
  schedulers: 1,
  api_servers: 1,
  dags,
  churn: { dags: ids(dags.slice(0, 5)), every_ms: 2_000 },
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, lost_answer: 0.02 } },
  operators: [{ operator: 'trigger', dags: ids(dags), every_ms: 800, start_after_ms: 0 }],
  aims: [...STEADY_WORK, 'no-deadlocks'],
};
