import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { fanOut, ids, REAL_CLIENT, STEADY_HABITS } from '../shapes.ts';

const dags = [1, 2, 3].map((n) => fanOut(`wt_restart_${n}`, 15, [3_000, 8_000]));

/** An endless rolling upgrade: every killed process is restarted, and its work must continue. */
export const scenario: Scenario = {
  name: 'restarts',
  describe: 'Restart storm: schedulers and API servers are killed and restarted, two at a time, while tasks run',
  duration_s: 90,
  schedulers: 2,
  api_servers: 2,
  dags,
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, fails: 0.05 } },
  operators: [{ operator: 'trigger', dags: ids(dags), every_ms: 6_000, start_after_ms: 0 }],
  chaos: { faults: ['kill:scheduler', 'kill:api-execution'], pause_ms: [2_000, 5_000], at_once: 2 },
  aims: [...ANY_LOAD, 'acknowledged-is-durable', 'one-live-attempt'],
};
