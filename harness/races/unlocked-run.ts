import { ANY_LOAD } from '../../workloads/aims.ts';
import { ids, PLAIN_STACK } from '../../workloads/shapes.ts';
import type { DagSpec } from '../model/scenario.ts';
import { type KnownRace, unreported } from './race.ts';

/** Layers of short tasks in many runs: each loop of each scheduler finds something to schedule. */
const busy = [1, 2, 3].map((n): DagSpec => {
  const layers = [1, 2, 3, 4, 5].map((layer) => [1, 2].map((i) => `at_${layer}_${i}`));
  return {
    dag_id: `wt_busy_${n}`,
    schedule: '* * * * *',
    past_runs: 14,
    max_active_runs: 16,
    tasks: layers.flatMap((names, layer) =>
      names.map((task_id) => ({ task_id, upstream: layers[layer - 1] ?? [], duration_ms: [200, 2_000] as const })),
    ),
  };
});

export const unlockedRun: KnownRace = {
  ...unreported('unlocked-run'),
  title:
    'A scheduler that retried after a database error examined runs without their locks, which it had lost, and ' +
    'deadlocked with another scheduler or with a clear',
  marks: [{ invariant: 'no-deadlocks', variants: ['run examined without its lock'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-unlocked-run',
      describe: 'Schedulers that lose their database connection while they examine runs, and retry',
      duration_s: 45,
      schedulers: 3,
      dags: busy,
      operators: [{ operator: 'trigger', dags: ids(busy), every_ms: 5_000, start_after_ms: 5_000 }],
      chaos: { faults: ['kill-backend:scheduler'], pause_ms: [1_500, 3_000] },
      aims: [...ANY_LOAD],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  reference: null,
};
