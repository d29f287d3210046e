import type { DagSpec, Scenario } from '../../harness/model/scenario.ts';
import { PLAIN_STACK, STEADY_HABITS, threeAtOnce } from '../shapes.ts';

function child(dag_id: string): DagSpec {
  return {
    ...{ dag_id, schedule: null, past_runs: 0, max_active_runs: 64 },
    tasks: [{ task_id: 'only', upstream: [], duration_ms: [300, 800] }],
  };
}

const LARGE = 'wt_large';
const SMALL = 'wt_small';
/** Several at once of one DAG, and one that has tries left: a refusal must not end it all the same. */
const parent: DagSpec = {
  ...{ dag_id: 'wt_parent', schedule: null, past_runs: 0, max_active_runs: 16 },
  tasks: [
    { task_id: 'first', upstream: [], duration_ms: [200, 400] },
    { task_id: 'mapped', upstream: ['first'], mapped: 3, duration_ms: [300, 600], triggers: LARGE },
    { task_id: 'patient', upstream: ['first'], retries: 2, duration_ms: [300, 600], triggers: SMALL },
    { task_id: 'last', upstream: ['mapped', 'patient'], trigger_rule: 'all_done', duration_ms: [200, 400] },
  ],
};

/** Runs that tasks begin. Of three answers one is lost, as when an API server restarts, and the client sends again. */
export const scenario: Scenario = {
  ...PLAIN_STACK,
  name: 'triggers',
  describe: 'Tasks trigger runs of other DAGs, as TriggerDagRunOperator does, and some of the answers are lost',
  duration_s: 45,
  fleet: { ...PLAIN_STACK.fleet, habits: { ...STEADY_HABITS, lost_answer: 0.3 } },
  dags: [parent, child(LARGE), child(SMALL)],
  operators: threeAtOnce(4_500, 0, 1_500).map((timing) => ({ operator: 'trigger', dags: ['wt_parent'], ...timing })),
  aims: ['a-trigger-takes-effect-once', 'a-trigger-has-its-run'],
};
