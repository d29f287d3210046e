import type { ArrivalRate } from '../../harness/model/arrival-rate.ts';
import type { Scenario } from '../../harness/model/scenario.ts';
import { ANY_LOAD } from '../aims.ts';
import { fanOut, ids, QUICK_BEATS, STEADY_HABITS, unscheduled } from '../shapes.ts';

const dags = [1, 2, 3].map((n) => unscheduled(fanOut(`wt_hands_${n}`, 20, [4_000, 9_000]), 4));

/** Rises from 0 to this rate per second in 40 s, then stays there. */
function moreAndMore(startTime: string, target: number, stays: string): ArrivalRate {
  const stages = [
    { duration: '40s', target },
    { duration: stays, target },
  ];
  return { executor: 'ramping-arrival-rate', startTime, stages };
}

/** The morning after an incident: more and more users clear and mark running tasks. */
export const scenario: Scenario = {
  name: 'operators',
  describe: 'Operator storm: users who clear, mark and trigger more and more often while tasks run',
  duration_s: 75,
  schedulers: 2,
  api_servers: 1,
  dags,
  fleet: { ...QUICK_BEATS, habits: { ...STEADY_HABITS, fails: 0.1 } },
  operators: [
    { operator: 'trigger', dags: ids(dags), every_ms: 5_000, start_after_ms: 0 },
    { operator: 'clear', dags: ids(dags), arrivals: moreAndMore('8s', 3, '20s') },
    { operator: 'mark', dags: ids(dags), arrivals: moreAndMore('12s', 2, '15s') },
  ],
  aims: [...ANY_LOAD, 'a-superseded-try-is-refused', 'history-is-complete', 'tasks-change-as-allowed'],
};
