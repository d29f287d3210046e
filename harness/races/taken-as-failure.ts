import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, ids, PLAIN_STACK, QUICK_BEATS, STEADY_HABITS, unscheduled } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const reports = [1, 2].map((n) => unscheduled(fanOut(`wt_reports_${n}`, 20, [1_000, 3_000])));

export const takenAsFailure: KnownRace = {
  ...unreported('taken-as-failure'),
  title:
    'A worker’s final state update met a database error and was committed as FAILED: a SUCCESS is answered with 204 ' +
    'all the same, and a retry does not happen',
  marks: [
    { invariant: 'acknowledged-is-durable', variants: ['taken as a failure'] },
    { invariant: 'a-retry-is-a-retry', variants: ['taken as a failure'] },
  ],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-taken-as-failure',
      describe: 'Workers that report their end, half of them up for retry, while the database connection breaks',
      duration_s: 45,
      dags: reports,
      fleet: { ...QUICK_BEATS, habits: { ...STEADY_HABITS, fails: 0.5 } },
      operators: [{ operator: 'trigger', dags: ids(reports), every_ms: 2_000, start_after_ms: 0 }],
      chaos: {
        faults: ['wire-cut:api-execution', 'kill-backend:api-execution'],
        pause_ms: [0, 300],
        lasts_ms: [500, 1_500],
      },
      aims: [...ANY_LOAD, 'acknowledged-is-durable', 'a-retry-is-a-retry'],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  reference: null,
};
