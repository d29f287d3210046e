import { fleetFault } from './disturb.ts';

/**
 * Two workers get the same workload, as from a queue that delivers at least once, and both start it. The one that is
 * refused keeps silent, as Airflow's own executors do since they know of it; else the scheduler would fail the other.
 */
export const duplicateDelivery = fleetFault({
  name: 'duplicate-delivery',
  describe: 'Workloads are delivered to two workers, at once or seconds apart, and both start them',
  lasts_ms: [5_000, 15_000],
  misbehaviour: 'duplicate_delivery',
  share: [0.3, 0.8],
  // Some meet the first at its start, some at its work, some after its end.
  ms: [0, 8_000],
});
