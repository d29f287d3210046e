import type { Scenario } from '../../harness/model/scenario.ts';
import { fanOut, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../../workloads/shapes.ts';

/** Workers that come over a minute and then only beat: as much as two cores carry with the stack and k6 on them. */
const dag = unscheduled(fanOut('wt_many', 100, [60_000, 70_000]), 2_100);

export const scenario: Scenario = {
  name: 'two-thousand',
  describe: 'More and more workers that live for a minute and beat every five seconds',
  duration_s: 80,
  schedulers: 1,
  api_servers: 2,
  dags: [dag],
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, xcom: 1, fails: 0 } },
  operators: [{ operator: 'trigger', dags: [dag.dag_id], every_ms: 3_200, start_after_ms: 0 }],
  aims: ['acknowledged-is-durable'],
};
