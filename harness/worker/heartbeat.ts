import type { LifeEnd } from '../model/operation.ts';
import { cancellableSleep } from './cancel.ts';
import type { LifeContext } from './context.ts';
import type { HerdMember, Hit, ThunderingHerd } from './hazards.ts';
import type { Answer } from './requests.ts';

/** The real supervisor gives up after so many heartbeats in a row without an answer. */
const MAX_FAILED_HEARTBEATS = 3;

/** The life that works. */
export interface HeartbeatSender {
  /** Sends the heartbeat that was due at that time, on the run's clock. */
  beat(intendedMs: number): Promise<Answer>;
  /** Reports how its task ended. */
  report(): Promise<LifeEnd>;
}

/**
 * Heartbeats until the work is done, at `endAt` on the run's clock. A task that is taken away stops at once and reports
 * nothing. Resolves with how the life ended, or undefined where it continues; rejects when the run is cancelled.
 */
export function beatUntil(endAt: number, context: LifeContext, sender: HeartbeatSender): Promise<LifeEnd | undefined> {
  return new Promise((resolve, reject) => {
    new Heartbeat(context, sender, endAt, resolve, reject).rest();
  });
}

/**
 * Not a loop that awaits: between two heartbeats of ten thousand workers nothing may be held but what a timer needs, or
 * the garbage collector stops all of them for half a second to find out that they are alive.
 */
class Heartbeat implements HerdMember {
  readonly #context: LifeContext;
  readonly #sender: HeartbeatSender;
  readonly #resolve: (end: LifeEnd | undefined) => void;
  readonly #reject: (reason: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #endAt: number;
  /** When the next heartbeat is due. */
  #due: number;
  /** Heartbeats in a row without an answer. */
  #missed = 0;

  constructor(
    context: LifeContext,
    sender: HeartbeatSender,
    endAt: number,
    resolve: (end: LifeEnd | undefined) => void,
    reject: (reason: unknown) => void,
  ) {
    const { clock, rng, spec } = context;
    this.#context = context;
    this.#sender = sender;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#endAt = endAt;
    // The first beat falls anywhere in the interval, so that lives that start together do not beat together.
    this.#due = clock.now() + rng.between(0.2, 1) * spec.fleet.heartbeat_ms;
  }

  /** Until the next heartbeat or the end of the work, whichever is first. */
  rest(): void {
    const { clock, hazards, hooks } = this.#context;
    this.#timer = setTimeout(timeIsUp, Math.max(0, Math.min(this.#due, this.#endAt) - clock.now()), this);
    hazards.awaitHerd(this);
    hooks.cancel.addEventListener('abort', this);
    if (hooks.cancel.aborted) this.handleEvent();
  }

  timeIsUp(): void {
    this.#stopResting();
    this.#proceed(undefined);
  }

  /** A thundering herd woke it. */
  join(herd: ThunderingHerd): void {
    this.#stopResting();
    this.#proceed(herd);
  }

  /** The run was cancelled. */
  handleEvent(): void {
    this.#stopResting();
    this.#reject(this.#context.hooks.cancel.reason);
  }

  #stopResting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#context.hazards.leaveHerd();
    this.#context.hooks.cancel.removeEventListener('abort', this);
  }

  #proceed(herd: ThunderingHerd | undefined): void {
    this.#next(herd).then(
      (next) => (next === 'rests' ? this.rest() : this.#resolve(next === 'done' ? undefined : next)),
      (error: unknown) => this.#reject(error),
    );
  }

  /** What comes after a rest: another rest, the end of the work, or how the life ends. */
  async #next(herd: ThunderingHerd | undefined): Promise<LifeEnd | 'done' | 'rests'> {
    const { clock, hazards, spec } = this.#context;
    const { heartbeat_ms } = spec.fleet;
    if (herd === 'herd_end' || clock.now() >= this.#endAt) return 'done';
    if (herd === 'herd_heartbeat') this.#due = clock.now();
    if (clock.now() < this.#due) return 'rests';
    if (hazards.hit('silent_death')) return 'silent';
    const hung = hazards.hit('zombie');
    if (hung) {
      const since = clock.now();
      if (!(await this.#hang(hung))) return this.#sender.report();
      this.#endAt += clock.now() - since;
      this.#due = clock.now() + heartbeat_ms;
      return 'rests';
    }
    const answer = await this.#sender.beat(this.#due);
    if (answer.outcome === 'refused') return 'stopped';
    this.#missed = answer.outcome === 'unknown' ? this.#missed + 1 : 0;
    if (this.#missed >= MAX_FAILED_HEARTBEATS) return 'gave-up';
    // The real supervisor has one heartbeat under way at a time: one that comes due before the answer is sent at once
    // after it, and that is the server's delay, not lateness of ours.
    this.#due = Math.max(this.#due + heartbeat_ms, clock.now());
    return 'rests';
  }

  /**
   * The machine stalls. When it runs again, the worker does not know how long that took: it sends a heartbeat
   * and continues as if no time had passed. False where the server refused that heartbeat: while the supervisor stops
   * the task, the task comes to its end and reports it.
   */
  async #hang(hung: Hit): Promise<boolean> {
    const { clock, hooks } = this.#context;
    await cancellableSleep(hung.ms, hung.closed, hooks.cancel).catch(() => undefined);
    hooks.cancel.throwIfAborted();
    const { outcome } = await this.#sender.beat(clock.now());
    return outcome === 'ok';
  }
}

/** One function for all of them: a closure for each timer would be held between two heartbeats. */
function timeIsUp(heartbeat: Heartbeat): void {
  heartbeat.timeIsUp();
}
