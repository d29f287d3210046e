import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { fanOut, ids, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../shapes.ts';

const dags = [1, 2, 3, 4].map((n) => unscheduled(fanOut(`wt_ramp_${n}`, 5, [2_000, 4_000]), 64));

/** More and more DAG runs, then fewer: at which rate does Airflow become slow, and does it recover? See the charts. */
export const scenario: Scenario = {
  name: 'ramp',
  describe: 'DAG runs at a rate that rises from one every two seconds to two a second, stays there, and falls',
  duration_s: 120,
  schedulers: 2,
  api_servers: 1,
  dags,
  fleet: { ...REAL_CLIENT, habits: STEADY_HABITS },
  operators: [
    {
      operator: 'trigger',
      dags: ids(dags),
      arrivals: {
        executor: 'ramping-arrival-rate',
        startRate: 0.5,
        stages: [
          { duration: '60s', target: 2 },
          { duration: '20s', target: 2 },
          { duration: '20s', target: 0.5 },
          { duration: '20s', target: 0.5 },
        ],
      },
    },
  ],
  aims: [...ANY_LOAD, 'acknowledged-is-durable', 'work-goes-on', 'tokens-keep-working'],
};
