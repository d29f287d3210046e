import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, PLAIN_STACK, unscheduled } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const marked = unscheduled(fanOut('wt_marked', 40, [10_000, 15_000]), 2);

export const marksDeadlock: KnownRace = {
  ...unreported('marks-deadlock'),
  title:
    'A request that marked several tasks, one after another, deadlocked with a scheduler’s update of dag_version_id',
  marks: [{ invariant: 'no-deadlocks', variants: ['marks × dag_version UPDATE'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-marks-deadlock',
      describe: 'Requests that mark several running tasks each, while their DAGs get new versions',
      duration_s: 75,
      dags: [marked],
      churn: { dags: [marked.dag_id], every_ms: 1_000 },
      operators: [{ operator: 'trigger', dags: [marked.dag_id], every_ms: 4_000, start_after_ms: 0 }],
      chaos: { faults: ['bulk-changes'], pause_ms: [0, 500], lasts_ms: [8_000, 10_000] },
      aims: [...ANY_LOAD, 'no-deadlocks'],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  reference: null,
};
