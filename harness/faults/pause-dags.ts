import { operatorFault } from './disturb.ts';

/** What is scheduled goes on being worked at; what it leads to waits until the DAGs are unpaused. */
export const pauseDags = operatorFault({
  name: 'pause-dags',
  describe: 'Somebody pauses all DAGs of the scenario, and unpauses them',
  lasts_ms: [3_000, 10_000],
  action: 'pause',
  // Once; what is drawn is not used.
  every_ms: [1_000, 1_000],
});
