import { ANY_LOAD } from '../../workloads/aims.ts';
import { ids, PLAIN_STACK } from '../../workloads/shapes.ts';
import type { DagSpec } from '../model/scenario.ts';
import { type KnownRace, reported } from './race.ts';

/** Five layers of two tasks: while one layer runs, the next ones have no state yet. */
const layers = [1, 2, 3].map(
  (n): DagSpec => ({
    dag_id: `wt_layers_${n}`,
    schedule: null,
    past_runs: 0,
    max_active_runs: 16,
    tasks: [1, 2, 3, 4, 5].flatMap((layer) =>
      ['a', 'b'].map((name) => ({
        task_id: `${name}_${layer}`,
        upstream: layer === 1 ? [] : [`a_${layer - 1}`, `b_${layer - 1}`],
        retries: 1,
        duration_ms: [2_000, 4_000] as const,
      })),
    ),
  }),
);

export const leftOnOldVersion: KnownRace = {
  ...reported(72153),
  title: 'Tasks without a state stayed on the old version of their DAG when their run was moved to a new one',
  marks: [{ invariant: 'tasks-follow-their-dag-version', variants: ['without a state'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-72153',
      describe: 'Runs of several layers of tasks while their DAGs get new versions (#72153)',
      duration_s: 40,
      dags: layers,
      churn: { dags: ids(layers), every_ms: 2_000 },
      operators: [{ operator: 'trigger', dags: ids(layers), every_ms: 3_000, start_after_ms: 1_000 }],
      aims: [...ANY_LOAD, 'tasks-follow-their-dag-version'],
    },
    also: ['seeds'],
    has: ['airflow@3.3.2', 'airflow@3.2.2', 'airflow@3.2.1'],
    has_not: 'airflow@3.4.0b2',
  },
  places: [
    {
      does: 'scheduler, updates tasks in a state that is not null',
      file: 'jobs/scheduler_job_runner.py',
      within: '_verify_integrity_if_dag_changed',
      code: 'TI.state.in_(State.unfinished)',
    },
  ],
  reference: 'reference+version-skips-stateless',
};
