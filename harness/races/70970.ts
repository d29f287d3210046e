import { scenario as assets } from '../../workloads/scenarios/assets.ts';
import { type KnownRace, reported } from './race.ts';

export const strandedEvents: KnownRace = {
  ...reported(70970),
  title: 'An asset event that came while its DAG was queued for another began no run until the next event',
  marks: [{ invariant: 'asset-events-begin-runs', variants: ['stranded', 'never queued', 'passed over'] }],
  trial: {
    scenario: {
      ...assets,
      name: 'race-70970',
      describe: 'Events of one asset, one after another, while schedulers take what is queued (#70970)',
      aims: ['asset-events-begin-runs'],
    },
    also: ['assets', 'race-70128'],
    has: ['airflow@3.3.2'],
    has_not: 'airflow@3.4.0b2',
  },
  places: [
    {
      does: 'API server, leaves a row that is queued as it is',
      file: 'assets/manager.py',
      within: '_queue_dagruns_nonpartitioned_postgres',
      code: 'on_conflict_do_nothing',
    },
    {
      does: 'scheduler, takes the events up to the time of that row',
      file: 'jobs/scheduler_job_runner.py',
      within: '_create_dag_runs_asset_triggered',
      code: 'AssetEvent.timestamp <= triggered_date',
    },
  ],
  reference: 'reference+asset-events-stranded',
  related: ['asset-event-not-queued'],
};
