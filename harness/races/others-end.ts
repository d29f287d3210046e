import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, ids, PLAIN_STACK, QUICK_BEATS, STEADY_HABITS, unscheduled } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const busy = unscheduled(fanOut('wt_stuck', 10, [4_000, 6_000]), 64);
const dag = {
  ...busy,
  // The first worker may start while its task is taken back, and the second soon after.
  tasks: busy.tasks.map((task) => ({ ...task, pickup_ms: [0, 12_000] as const })),
};

export const othersEnd: KnownRace = {
  ...unreported('others-end'),
  title: 'A worker from which its task had been taken ended it while another worker was running it',
  marks: [{ invariant: 'an-end-comes-from-the-owner', variants: null }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-others-end',
      describe: 'Workers that work on, as Python does, after their task was requeued as stuck in QUEUED (#49889)',
      duration_s: 50,
      schedulers: 1,
      // A LocalExecutor revokes nothing before 3.4.
      executor_behaviour: 'celery',
      queued_timeout_s: 8,
      dags: [dag],
      fleet: { ...QUICK_BEATS, habits: { ...STEADY_HABITS, ends_on_sigterm: 0 } },
      operators: [{ operator: 'trigger', dags: ids([dag]), every_ms: 2_000, start_after_ms: 0 }],
      chaos: { faults: ['revoke-slow'], pause_ms: [1_000, 3_000] },
      aims: [...ANY_LOAD, 'an-end-comes-from-the-owner'],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  reference: null,
};
