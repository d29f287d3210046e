import { operatorFault } from './disturb.ts';

/** Airflow deletes no run that is running, so each is set back to queued first; its tasks are at work meanwhile. */
export const deleteRuns = operatorFault({
  name: 'delete-runs',
  describe: 'Somebody deletes DAG runs whose tasks are running',
  lasts_ms: [3_000, 10_000],
  action: 'delete',
  every_ms: [2_000, 5_000],
});
