import { scenario as assets } from '../../workloads/scenarios/assets.ts';
import { type KnownRace, reported } from './race.ts';

export const dagsOfOneAsset: KnownRace = {
  ...reported(70128),
  title: 'Two events of one asset queued the DAGs that wait for it in different orders, and deadlocked',
  marks: [{ invariant: 'no-deadlocks', variants: ['DAGs of one asset'] }],
  trial: {
    scenario: {
      ...assets,
      name: 'race-70128',
      describe: 'Tasks that end at once make events of one asset, for which several DAGs wait (#70128)',
      duration_s: 45,
      aims: ['asset-events-are-consumed-once'],
    },
    also: ['assets', 'race-70970'],
    has: ['airflow@3.3.2'],
    has_not: 'airflow@3.4.0b2',
  },
  places: [
    {
      does: 'API server, queues a run for each DAG of a set',
      file: 'assets/manager.py',
      within: '_queue_dagruns_nonpartitioned_postgres',
      code: 'for dag in dags_to_queue',
    },
  ],
  reference: 'reference+asset-queue-in-set-order',
};
