import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { fanOut, ids, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../shapes.ts';

/** As many siblings in one run as a large fan-out has, all of one length. */
const dags = [1, 2].map((n) => unscheduled(fanOut(`wt_wave_${n}`, 60, [12_000, 14_000]), 2));

/** Quiet, then all tasks end within seconds: the end of a large fan-out, repeatedly. */
export const scenario: Scenario = {
  name: 'wave',
  describe: 'Completion waves: 60 siblings that start together and report their ends within seconds of each other',
  duration_s: 90,
  schedulers: 2,
  api_servers: 1,
  dags,
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, xcom: 1 } },
  operators: [
    {
      operator: 'trigger',
      dags: ids(dags),
      arrivals: { executor: 'constant-arrival-rate', rate: 4, timeUnit: '1m' },
    },
  ],
  aims: [...ANY_LOAD, 'acknowledged-is-durable', 'locks-are-brief'],
};
