import type { DagSpec, Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { fanOut, ids, REAL_CLIENT, STEADY_HABITS, unscheduled } from '../shapes.ts';

const dags = [1, 2, 3].map(
  (n): DagSpec => ({ ...unscheduled(fanOut(`wt_hands_${n}`, 20, [4_000, 9_000])), max_active_runs: 4 }),
);

/** The morning after an incident: everybody clears and marks what runs, more and more of them. */
export const scenario: Scenario = {
  name: 'operators',
  describe: 'Operator storm: people who clear, mark and trigger, ever more often, while workers work',
  duration_s: 75,
  schedulers: 2,
  api_servers: 1,
  dags,
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, fails: 0.1 } },
  operators: [
    { operator: 'trigger', dags: ids(dags), every_ms: 5_000, start_after_ms: 0 },
    {
      operator: 'clear',
      dags: ids(dags),
      arrivals: {
        executor: 'ramping-arrival-rate',
        startTime: '8s',
        stages: [
          { duration: '40s', target: 3 },
          { duration: '20s', target: 3 },
        ],
      },
    },
    {
      operator: 'mark',
      dags: ids(dags),
      arrivals: {
        executor: 'ramping-arrival-rate',
        startTime: '12s',
        stages: [
          { duration: '40s', target: 2 },
          { duration: '15s', target: 2 },
        ],
      },
    },
  ],
  aims: [...ANY_LOAD, 'a-superseded-try-is-told', 'history-is-complete', 'tasks-change-as-allowed'],
};
