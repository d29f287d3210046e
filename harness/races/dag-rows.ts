import { ANY_LOAD } from '../../workloads/aims.ts';
import { backfillTarget, ids, PLAIN_STACK } from '../../workloads/shapes.ts';
import type { DagSpec } from '../model/scenario.ts';
import { type KnownRace, unreported } from './race.ts';

const ending = [1, 2, 3, 4, 5, 6].map((n): DagSpec => ({ ...backfillTarget(`wt_ending_${n}`), max_active_runs: 16 }));

export const dagRows: KnownRace = {
  ...unreported('dag-rows'),
  title:
    'Two schedulers that ended runs of several DAGs, or a scheduler and the DAG processor, locked the rows of these ' +
    'DAGs in opposite orders and deadlocked',
  marks: [{ invariant: 'no-deadlocks', variants: ['rows of dag'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-dag-rows',
      describe: 'Short runs of many DAGs, several of which end in each scheduler loop',
      duration_s: 45,
      schedulers: 3,
      dags: ending,
      churn: { dags: ids(ending), every_ms: 2_000 },
      operators: [{ operator: 'trigger', dags: ids(ending), every_ms: 100, start_after_ms: 0 }],
      aims: [...ANY_LOAD],
    },
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  reference: null,
};
