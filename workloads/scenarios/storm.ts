import type { Scenario } from '../../harness/model/scenario.ts';
import { STEADY_WORK } from '../aims.ts';
import { fanOut, REAL_CLIENT, STEADY_HABITS } from '../shapes.ts';

const storms = [1, 2, 3].map((n) => fanOut(`wt_storm_${n}`, 40, [4_000, 14_000]));

/** Waves of completions while the DAGs change under them: the setting of #66734, and nothing else. */
export const scenario: Scenario = {
  name: 'storm',
  describe: 'Waves of completing tasks while their DAGs get a new version every two seconds',
  duration_s: 60,
  schedulers: 1,
  api_servers: 1,
  dags: storms,
  churn: { dags: storms.map((dag) => dag.dag_id), every_ms: 2_000 },
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, lost_answer: 0.02 } },
  operators: [{ operator: 'trigger', dags: storms.map((dag) => dag.dag_id), every_ms: 8_000, start_after_ms: 3_000 }],
  aims: [...STEADY_WORK, 'no-deadlocks'],
};
