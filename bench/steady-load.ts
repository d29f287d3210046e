import type { Scenario } from '../harness/model/scenario.ts';
import { fanOut, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../workloads/shapes.ts';

/** Some four hundred workers at any time, forty of them new each second, that send over five hundred requests a second. */
const dag = unscheduled(fanOut('wt_steady', 100, [8_000, 12_000]), 32);

export const scenario: Scenario = {
  name: 'steady',
  describe: 'The same load for hours',
  duration_s: 7_200,
  schedulers: 1,
  api_servers: 2,
  dags: [dag],
  fleet: { ...REAL_CLIENT, heartbeat_ms: 1_000, habits: { ...STEADY_HABITS, xcom: 1 } },
  operators: [{ operator: 'trigger', dags: [dag.dag_id], every_ms: 2_500, start_after_ms: 0 }],
  aims: ['acknowledged-is-durable'],
};
