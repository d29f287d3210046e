import { fleetFault } from './disturb.ts';

/** Workers die without a word, in the midst of their work or at its end: the scheduler must notice by itself. */
export const silentDeath = fleetFault({
  name: 'silent-death',
  describe: 'Workers die without a word, and the scheduler must notice',
  lasts_ms: [2_000, 8_000],
  misbehaviour: 'silent_death',
  share: [0.1, 0.4],
});
