import { fleetFault } from './disturb.ts';

/** At its opening all who work do the same at once, as after a cut that has stopped them all, and nothing after that. */
export const storm = fleetFault({
  name: 'storm',
  describe: 'All workers send a heartbeat, or the ends of their tasks, at the same moment',
  lasts_ms: [1_000, 3_000],
  misbehaviour: (rng) => rng.pick(['herd_heartbeat', 'herd_end']),
  share: [1, 1],
});
