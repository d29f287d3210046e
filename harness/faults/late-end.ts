import { fleetFault } from './disturb.ts';

/** Workers that have done their work fall silent and report it late: some just before they would be given up. */
export const lateEnd = fleetFault({
  name: 'late-end',
  describe: 'Workers fall silent at the end of their work and report it seconds late',
  lasts_ms: [5_000, 15_000],
  misbehaviour: 'late_end',
  share: [0.3, 0.9],
  ms: [2_000, 28_000],
});
