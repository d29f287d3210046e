import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, PLAIN_STACK, QUICK_BEATS, STEADY_HABITS, threeAtOnce, unscheduled } from '../../workloads/shapes.ts';
import { type KnownRace, unreported } from './race.ts';

const cleared = unscheduled(fanOut('wt_cleared', 6, [2_000, 4_000]));
const aside = unscheduled(fanOut('wt_aside', 12, [4_000, 8_000]));

export const unlockedClear: KnownRace = {
  ...unreported('unlocked-clear'),
  title:
    'A clear used a task instance that it had read without a lock: it was answered with 500 where another try had ' +
    'begun since, or left that try out of the history',
  marks: [
    { invariant: 'error-contract', variants: ['clear 500, new try during the request'] },
    { invariant: 'history-is-complete', variants: ['lost to a clear'] },
    { invariant: 'no-deadlocks', variants: ['one try archived twice'] },
  ],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-unlocked-clear',
      describe: 'Three users who clear the same few tasks at once, while these end and are retried',
      duration_s: 40,
      dags: [cleared, aside],
      fleet: { ...QUICK_BEATS, habits: { ...STEADY_HABITS, fails: 0.4 } },
      operators: [
        { operator: 'trigger', dags: [cleared.dag_id], every_ms: 10_000, start_after_ms: 0 },
        { operator: 'trigger', dags: [aside.dag_id], every_ms: 7_000, start_after_ms: 0 },
        ...threeAtOnce(330, 3_000, 70).map((timing) => ({
          operator: 'clear' as const,
          dags: [cleared.dag_id],
          ...timing,
        })),
      ],
      aims: [...ANY_LOAD, 'history-is-complete'],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  places: [
    {
      does: 'API server, archives the try that it has read',
      file: 'models/taskinstance.py',
      within: 'clear_task_instances',
      code: 'prepare_db_for_next_try',
    },
  ],
  reference: null,
};
