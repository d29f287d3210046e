import { drawSeed } from './disturb.ts';
import { type Fault, type Host, notOurs } from './fault.ts';

/**
 * A task that is queued for too long is taken back: the executor tells its queue, and the scheduler sets the task to
 * SCHEDULED. Where the queue takes its time, the worker may start the task in between.
 */
export const revokeSlow: Fault = {
  name: 'revoke-slow',
  describe: 'The executor takes its time to take a queued task back from its worker, who may start it meanwhile',
  lasts_ms: [10_000, 20_000],
  unavailable: (host) => notOurs(host) ?? takesNothingBack(host),
  draw: (_host, rng) => ({
    victim: 'executor',
    with: { share: Number(rng.between(0.5, 1).toFixed(2)), seed: drawSeed(rng) },
  }),

  async inject({ executor }, { with: drawn }) {
    return executor.openWindow({
      how: 'revoke-slow',
      share: Number(drawn.share),
      seed: Number(drawn.seed),
      // The executor waits two seconds for the answer.
      ms: [300, 1_900],
    });
  },
};

function takesNothingBack({ scenario }: Host): string | null {
  return scenario.queued_timeout_s === undefined
    ? 'takes nothing back within a run: the scenario has no queued_timeout_s'
    : null;
}
