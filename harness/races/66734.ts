import { ANY_LOAD } from '../../workloads/aims.ts';
import { fanOut, ids, PLAIN_STACK } from '../../workloads/shapes.ts';
import { type KnownRace, reported } from './race.ts';

const storms = [1, 2, 3].map((n) => fanOut(`wt_storm_${n}`, 40, [4_000, 11_000]));

export const stateAndVersion: KnownRace = {
  ...reported(66734),
  title: 'A worker’s final state update and the scheduler’s update of dag_version_id deadlocked',
  marks: [{ invariant: 'no-deadlocks', variants: ['state PATCH × dag_version UPDATE'] }],
  trial: {
    scenario: {
      ...PLAIN_STACK,
      name: 'race-66734',
      describe: 'Waves of completing tasks while their DAGs get new versions (#66734)',
      duration_s: 40,
      dags: storms,
      churn: { dags: ids(storms), every_ms: 2_000 },
      operators: [{ operator: 'trigger', dags: ids(storms), every_ms: 8_000, start_after_ms: 3_000 }],
      aims: [...ANY_LOAD, 'no-deadlocks'],
    },
    also: ['seeds', 'storm'],
    has: ['airflow@3.2.1'],
    has_not: 'airflow@3.2.2',
  },
  places: [
    {
      does: 'API server, locks the task and by a join its run',
      file: 'api_fastapi/execution_api/routes/task_instances.py',
      within: '_create_ti_state_update_query_and_update_state',
      code: 'with_for_update=True',
    },
    {
      does: 'scheduler, has locked the run and updates its tasks',
      file: 'jobs/scheduler_job_runner.py',
      within: '_verify_integrity_if_dag_changed',
      code: 'update(TI)',
    },
  ],
  reference: 'reference+state-lock-joined',
  related: ['deadlock-same-transaction', 'deadlock-fresh-session', 'deadlock-503', 'version-update-skip-locked'],
};
