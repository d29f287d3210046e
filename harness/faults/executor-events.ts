import type { ExecutorHazard } from '../model/misbehaviour.ts';
import { drawSeed } from './disturb.ts';
import { type Fault, notAllowed } from './fault.ts';

const HOW = ['late', 'doubled', 'reordered', 'lost'] as const;

/**
 * Schedulers hear of the ends of tasks twice: from the database, where workers report them, and from their executor.
 * Here the executor's news are held back, told twice, told the last first, or never told.
 */
export const executorEvents: Fault = {
  name: 'executor-events',
  describe: "The executor's news of ended tasks come late, twice, in another order or never",
  lasts_ms: [5_000, 15_000],
  unavailable: notAllowed,
  draw: (_host, rng) => ({
    victim: 'executor',
    with: { how: rng.pick(HOW), share: Number(rng.between(0.3, 0.9).toFixed(2)), seed: drawSeed(rng) },
  }),

  async inject({ executor }, { with: drawn }) {
    return executor.openWindow({
      how: drawn.how as ExecutorHazard['how'],
      share: Number(drawn.share),
      seed: Number(drawn.seed),
      // From a scheduler's next loop to a dozen of them.
      ms: [1_000, 12_000],
    });
  },
};
