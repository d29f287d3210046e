import { fleetFault } from './disturb.ts';

/** Workers wait for a machine before they start: what they were handed may have been cleared or handed on meanwhile. */
export const lateStart = fleetFault({
  name: 'late-start',
  describe: 'Workers start their tasks seconds late, when these may have been cleared or handed to others',
  lasts_ms: [5_000, 15_000],
  misbehaviour: 'late_start',
  share: [0.3, 0.9],
  ms: [3_000, 15_000],
});
