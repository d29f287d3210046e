import { operatorFault } from './disturb.ts';

/**
 * The bulk route of task instances, which every release from 3.1 on has: many rows of a run in one transaction. 3.2.1
 * answers 200 and changes nothing (docs/conformance.md).
 */
export const bulkChanges = operatorFault({
  name: 'bulk-changes',
  describe: 'Somebody changes the states of the running tasks of a run in one request',
  lasts_ms: [3_000, 10_000],
  action: 'bulk',
  every_ms: [500, 1_500],
});
