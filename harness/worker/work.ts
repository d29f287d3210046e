import type { LifeEnd } from '../model/operation.ts';
import { pause } from './cancel.ts';
import type { LifeContext } from './context.ts';
import type { Hit, Sleeper, ThunderingHerd } from './hazards.ts';
import type { Answer } from './requests.ts';

/** The real supervisor gives up after so many heartbeats in a row without an answer. */
const MAX_FAILED_HEARTBEATS = 3;

/** Whose work it is. */
export interface Worker {
  /** Says that it lives, as it should have at that time. */
  beat(intendedMs: number): Promise<Answer>;
  /** Says how its task ended. */
  report(): Promise<LifeEnd>;
}

/**
 * Heartbeats until the work is done, at `endAt` on the run's clock. A task that is taken away stops at once and reports
 * nothing. Resolves with how the life ended, or undefined where it goes on; rejects when the run is over.
 */
export function work(context: LifeContext, worker: Worker, endAt: number): Promise<LifeEnd | undefined> {
  return new Promise((resolve, reject) => {
    new Work(context, worker, endAt, resolve, reject).rest();
  });
}

/**
 * Not a loop that awaits: between two beats of ten thousand workers nothing may be held but what a timer needs, or the
 * collector stops all of them for half a second to find out that they are alive.
 */
class Work implements Sleeper {
  readonly #context: LifeContext;
  readonly #worker: Worker;
  readonly #resolve: (end: LifeEnd | undefined) => void;
  readonly #reject: (reason: unknown) => void;
  #endAt: number;
  /** When the next heartbeat is due. */
  #due: number;
  /** Heartbeats in a row that nothing came of. */
  #missed = 0;

  constructor(
    context: LifeContext,
    worker: Worker,
    endAt: number,
    resolve: (end: LifeEnd | undefined) => void,
    reject: (reason: unknown) => void,
  ) {
    const { clock, rng, birth } = context;
    this.#context = context;
    this.#worker = worker;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#endAt = endAt;
    // The first beat falls anywhere in the interval, so that lives that start together do not beat together.
    this.#due = clock.now() + rng.between(0.2, 1) * birth.fleet.heartbeat_ms;
  }

  rest(): void {
    const { clock, hazards, hooks } = this.#context;
    hazards.rest(Math.min(this.#due, this.#endAt) - clock.now(), hooks.over, this);
  }

  wakes(herd: ThunderingHerd | undefined): void {
    this.#awake(herd).then(
      (next) => (next === 'rests' ? this.rest() : this.#resolve(next === 'done' ? undefined : next)),
      (error: unknown) => this.calledOff(error),
    );
  }

  calledOff(reason: unknown): void {
    this.#reject(reason);
  }

  async #awake(herd: ThunderingHerd | undefined): Promise<LifeEnd | 'done' | 'rests'> {
    const { clock, hazards, birth } = this.#context;
    const { heartbeat_ms } = birth.fleet;
    if (herd === 'herd_end' || clock.now() >= this.#endAt) return 'done';
    if (herd === 'herd_heartbeat') this.#due = clock.now();
    if (clock.now() < this.#due) return 'rests';
    if (hazards.hit('silent_death')) return 'silent';
    const hung = hazards.hit('zombie');
    if (hung) {
      const since = clock.now();
      if (!(await this.#wakeUp(hung))) return this.#worker.report();
      this.#endAt += clock.now() - since;
      this.#due = clock.now() + heartbeat_ms;
      return 'rests';
    }
    const answer = await this.#worker.beat(this.#due);
    if (answer.outcome === 'refused') return 'stopped';
    this.#missed = answer.outcome === 'unknown' ? this.#missed + 1 : 0;
    if (this.#missed >= MAX_FAILED_HEARTBEATS) return 'gave-up';
    // The real supervisor has one beat under way at a time: one that comes due meanwhile goes out at once after it, and
    // that is the server's delay, not lateness of ours.
    this.#due = Math.max(this.#due + heartbeat_ms, clock.now());
    return 'rests';
  }

  /**
   * The machine stood still. What wakes up does not know how long: it beats, and goes on as if no time had passed. While
   * its supervisor is told to stop, the task has come to its end, and reports it. False: it was told so.
   */
  async #wakeUp(hung: Hit): Promise<boolean> {
    const { clock, hooks } = this.#context;
    await pause(hung.ms, hung.over, hooks.over).catch(() => undefined);
    hooks.over.throwIfAborted();
    const { outcome } = await this.#worker.beat(clock.now());
    return outcome === 'ok';
  }
}
