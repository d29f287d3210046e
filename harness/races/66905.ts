import { scenario as triggers } from '../../workloads/scenarios/triggers.ts';
import { type KnownRace, reported } from './race.ts';

export const triggerNotIdempotent: KnownRace = {
  ...reported(66905),
  title: 'A task that lost the answer to its trigger was refused its own run, and failed while that run went on',
  marks: [
    { invariant: 'a-trigger-takes-effect-once', variants: ['refused'] },
    { invariant: 'a-retry-is-a-retry', variants: ['its trigger refused'] },
  ],
  trial: {
    scenario: {
      ...triggers,
      name: 'race-66905',
      describe: 'Triggers of which three in ten lose their answer and are sent again (#66905)',
      aims: ['a-trigger-takes-effect-once'],
    },
    also: ['triggers'],
    has: ['airflow@3.3.2'],
    has_not: null,
  },
  places: [
    {
      does: 'API server, looks for a run of that name',
      file: 'api/common/trigger_dag.py',
      within: '_trigger_dag',
      code: 'DagRun.find_duplicate',
    },
    {
      does: 'API server, refuses what it has made itself',
      file: 'api_fastapi/execution_api/routes/dag_runs.py',
      within: 'trigger_dag_run',
      code: 'except DagRunAlreadyExists',
    },
  ],
  reference: 'reference+trigger-not-idempotent',
};
