import { fleetFault } from './disturb.ts';

/**
 * Answers are dropped after they came, and the request is sent again, whatever it was: to the server it is a replay of
 * what it has carried out. A cut connection leaves it open whether the server did; here it always did.
 */
export const lostAnswers = fleetFault({
  name: 'lost-answers',
  describe: 'Workers lose answers of any kind after they came, and send the request again',
  lasts_ms: [4_000, 15_000],
  misbehaviour: 'lost_answer',
  share: [0.2, 0.6],
});
