import type { ExecutorHazard } from '../model/misbehaviour.ts';
import { drawSeed, type Fault, type Host, notAllowed, notOurs } from './fault.ts';

const HOW = ['late', 'doubled', 'reordered', 'lost'] as const;

/**
 * Schedulers learn twice that a task has ended: from the database, where its worker reports it, and from their
 * executor. Here the executor's reports are held back, sent twice, sent in reverse order or dropped.
 */
const executorEvents: Fault = {
  name: 'executor-events',
  describe: "The executor's reports of ended tasks come late, twice, in another order or never",
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

/**
 * A task that is queued for too long is revoked: the executor asks its queue for the workload back, and the scheduler
 * sets the task to SCHEDULED. Where the queue is slow, the worker may start the task before it answers.
 */
const revokeSlow: Fault = {
  name: 'revoke-slow',
  describe: 'The executor is slow to revoke a queued task, and its worker may start it before that',
  lasts_ms: [10_000, 20_000],
  unavailable: (host) => notOurs(host) ?? revokesNothing(host),
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

function revokesNothing({ scenario }: Host): string | null {
  return scenario.queued_timeout_s === undefined
    ? 'revokes nothing within a run: the scenario has no queued_timeout_s'
    : null;
}

export const EXECUTOR_FAULTS: readonly Fault[] = [executorEvents, revokeSlow];
