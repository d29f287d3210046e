import { fleetFault } from './disturb.ts';

/** Beside working owners, other workers send heartbeats and starts for their tasks, with their tokens. */
export const impostors = fleetFault({
  name: 'impostors',
  describe: 'Other workers send heartbeats and starts for tasks that have an owner',
  lasts_ms: [5_000, 15_000],
  misbehaviour: 'impostor',
  share: [0.3, 0.8],
});
