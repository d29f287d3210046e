import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { fanOut, ids, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../shapes.ts';

/** Longer than any run: once they live, they do nothing but beat. */
const dags = [1, 2, 3, 4].map((n) => unscheduled(fanOut(`wt_plateau_${n}`, 50, [900_000, 900_000]), 1));

/** What an API server spends on workers that merely live, and whether each of them stays heard. */
export const scenario: Scenario = {
  name: 'plateau',
  describe: 'Heartbeat plateau: 200 workers on long tasks that start within seconds and then only beat',
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
