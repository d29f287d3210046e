import { ids, QUICK_BEATS, STEADY_HABITS } from '../../workloads/shapes.ts';
import { deferring, LATE_NEWS } from './late-news.ts';
import { type KnownRace, reported } from './race.ts';

// Those that are called again wait for room: the DAG may run fewer than it has.
const task = { duration_ms: [1_000, 2_500] } as const;
const dags = [deferring('wt_sensors', 16, task, { max_active_tasks: 3, max_active_runs: 4 })];

export const failedAsItPokes: KnownRace = {
  ...reported(71172),
  title: 'A sensor that had been rescheduled was failed when it was to look again, or as it looked',
  marks: [
    {
      invariant: 'tasks-change-as-allowed',
      variants: ['scheduled', 'queued'].flatMap((from) =>
        ['failed', 'up_for_retry'].map((to) => `scheduler: ${from} → ${to} of a rescheduled task`),
      ),
    },
    { invariant: 'running-is-not-overwritten', variants: ['rescheduled task'] },
  ],
  trial: {
    scenario: {
      ...LATE_NEWS,
      name: 'race-71172',
      describe: 'Sensors that are rescheduled, and wait for room when the executor reports their first look (#71172)',
      dags,
      // They ask to be called again after as long as heartbeats are apart.
      fleet: { ...QUICK_BEATS, habits: { ...STEADY_HABITS, fails: 0, reschedules: 1 } },
      operators: [{ operator: 'trigger', dags: ids(dags), every_ms: 2_000, start_after_ms: 0 }],
    },
    has: ['airflow@3.3.2', 'airflow@3.4.0b2'],
    has_not: null,
  },
  reference: 'reference+late-news-rescheduled',
};
