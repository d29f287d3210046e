import { fleetFault } from './disturb.ts';

/** The clocks of some machines are minutes off, in both directions, so that tasks start or end at odd times. */
export const skewedClocks = fleetFault({
  name: 'skewed-clocks',
  describe: 'Workers whose clocks are up to five minutes fast or slow say when tasks began and ended',
  lasts_ms: [5_000, 15_000],
  misbehaviour: 'skewed_clock',
  share: [0.3, 0.8],
  ms: [-300_000, 300_000],
});
