import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { fanOut, ids, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../shapes.ts';

/** Longer than any run: after their start, these tasks only send heartbeats. */
const dags = [1, 2, 3, 4].map((n) => unscheduled(fanOut(`wt_plateau_${n}`, 50, [900_000, 900_000]), 1));

/** The cost of heartbeats for an API server, and whether all of them are accepted. */
export const scenario: Scenario = {
  name: 'plateau',
  describe: 'Heartbeat plateau: 200 workers on long tasks that start within seconds and then only send heartbeats',
  duration_s: 90,
  schedulers: 1,
  api_servers: 1,
  dags,
  fleet: { ...REAL_CLIENT, heartbeat_ms: 5_000, habits: { ...STEADY_HABITS, fails: 0 } },
  operators: [
    {
      operator: 'trigger',
      dags: ids(dags),
      arrivals: { executor: 'constant-arrival-rate', rate: 1, duration: '20s' },
    },
  ],
  aims: [...ANY_LOAD, 'a-started-life-owns-its-task', 'tokens-keep-working'],
};
