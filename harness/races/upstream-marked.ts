import { ANY_LOAD } from '../../workloads/aims.ts';
import { ids, PLAIN_STACK } from '../../workloads/shapes.ts';
import type { DagSpec } from '../model/scenario.ts';
import { type KnownRace, unreported } from './race.ts';

const chains = [1, 2].map(
  (n): DagSpec => ({
    dag_id: `wt_chain_${n}`,
    schedule: null,
    past_runs: 0,
    max_active_runs: 16,
    tasks: [
      { task_id: 'first', upstream: [], duration_ms: [200, 500] },
      ...[1, 2, 3].map((i) => ({ task_id: `after_${i}`, upstream: ['first'], duration_ms: [5_000, 8_000] as const })),
    ],
  }),
);

export const upstreamMarked: KnownRace = {
  ...unreported('upstream-marked'),
  title: 'A running task became UPSTREAM_FAILED when its finished upstream task was marked as failed',
  marks: [
    { invariant: 'running-is-not-overwritten', variants: ['trigger rule'] },
    {
      invariant: 'tasks-change-as-allowed',
      variants: ['scheduled', 'queued', 'running', 'restarting'].flatMap((from) => [
        `scheduler: ${from} → upstream_failed`,
        `scheduler: ${from} → skipped`,
      ]),
    },
  ],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-upstream-marked',
      describe: 'Finished tasks that are marked as failed while workers run their downstream tasks',
      duration_s: 30,
      dags: chains,
      operators: [
        { operator: 'trigger', dags: ids(chains), every_ms: 1_500, start_after_ms: 0 },
        { operator: 'mark', dags: ids(chains), upstream: 'first', every_ms: 2_000, start_after_ms: 6_000 },
      ],
      aims: [...ANY_LOAD, 'running-is-not-overwritten'],
    },
    has: ['airflow@3.3.2', 'airflow@3.2.2', 'airflow@3.2.1', 'airflow@3.1.8'],
    has_not: null,
  },
  places: [
    {
      does: 'scheduler, sets what the trigger rule says, whatever the task does',
      file: 'ti_deps/deps/trigger_rule_dep.py',
      within: '_evaluate_direct_relatives',
      code: 'ti.set_state(new_state',
    },
  ],
  reference: 'reference+running-upstream-failed',
};
