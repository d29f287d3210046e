import { cancellableSleep } from './cancel.ts';
import type { LifeContext } from './context.ts';
import type { HerdMember, Hit, ThunderingHerd } from './hazards.ts';
import type { Answer } from './requests.ts';
import { type Timer, timers } from './timers.ts';

/**
 * Airflow's supervisor looks whether a heartbeat is due when its task says something, or has said nothing for an
 * interval: from one heartbeat to the next it is up to twice that.
 */
const LONGEST = 2;

/**
 * Why there are no more heartbeats. `taken`: the server has taken the task away. `unanswered`: too many in a row
 * failed.
 * `silent`: the worker died on purpose. `late`: it was a zombie, and the server had taken the task away before it woke.
 */
export type Silence = 'taken' | 'unanswered' | 'silent' | 'late';

/** The heartbeats of one life. */
export class Heartbeats {
  readonly #context: LifeContext;
  readonly #send: (intendedMs: number) => Promise<Answer>;
  /** When the next one is due, if the task says nothing before. */
  #due = 0;
  #sentMs = Number.NEGATIVE_INFINITY;
  /** Failed ones in a row. */
  #failed = 0;
  /** A thundering herd has ended the work. */
  rushed = false;
  /** How long the worker's machine was suspended, and its work with it, milliseconds. */
  stalledMs = 0;

  /** `send` sends the heartbeat that was due at that time, on the run's clock. */
  constructor(context: LifeContext, send: (intendedMs: number) => Promise<Answer>) {
    this.#context = context;
    this.#send = send;
  }

  get due(): number {
    return this.#due;
  }

  /**
   * Until `atMs` on the run's clock, by as much later as the machine is suspended, or until a thundering herd ends the
   * work. Resolves with why it ended before; rejects when the run is cancelled.
   */
  until(atMs: number): Promise<Silence | undefined> {
    // One that came due while another request was under way was not ours to send.
    this.#due = Math.max(this.#due, this.#context.clock.now());
    return new Promise((resolve, reject) => new Rest(this.#context, this, atMs, resolve, reject).begin());
  }

  /** The task has said something: now an interval since the last heartbeat is enough. */
  async taskSpoke(): Promise<Silence | undefined> {
    const { clock, spec } = this.#context;
    return clock.now() - this.#sentMs >= spec.fleet.heartbeat_ms ? this.beatNow() : undefined;
  }

  async beat(): Promise<Silence | undefined> {
    const { clock, rng, spec } = this.#context;
    this.#sentMs = clock.now();
    const answer = await this.#send(this.#due);
    // The supervisor has one request under way at a time: it waits from the answer on.
    this.#due = clock.now() + spec.fleet.heartbeat_ms * rng.between(1, LONGEST);
    if (answer.outcome === 'ok') this.#failed = 0;
    else if (answer.status !== null && spec.client.takesAway.includes(answer.status)) return 'taken';
    else if (++this.#failed >= spec.client.failedBeats) return 'unanswered';
    return undefined;
  }

  /** At once, whether one is due or not. */
  beatNow(): Promise<Silence | undefined> {
    this.#due = this.#context.clock.now();
    return this.beat();
  }
}

/**
 * Not a loop that awaits: between two heartbeats of ten thousand workers nothing may be held but what a timer needs, or
 * the garbage collector stops all of them for half a second to find out that they are alive.
 */
class Rest implements HerdMember {
  readonly #context: LifeContext;
  readonly #beats: Heartbeats;
  readonly #resolve: (silence: Silence | undefined) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #untilMs: number;
  #timer: Timer | undefined;

  constructor(
    context: LifeContext,
    beats: Heartbeats,
    untilMs: number,
    resolve: (silence: Silence | undefined) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#context = context;
    this.#beats = beats;
    this.#untilMs = untilMs;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Until the next heartbeat or the end, whichever is first. */
  begin(): void {
    const { clock, hazards, hooks } = this.#context;
    const atMs = this.#beats.rushed ? 0 : Math.min(this.#beats.due, this.#untilMs + this.#beats.stalledMs);
    this.#timer = timers.set(timeIsUp, Math.max(0, atMs - clock.now()), this);
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
    timers.clear(this.#timer);
    this.#timer = undefined;
    this.#context.hazards.leaveHerd();
    this.#context.hooks.cancel.removeEventListener('abort', this);
  }

  #proceed(herd: ThunderingHerd | undefined): void {
    this.#next(herd).then(
      (next) => (next === 'rests' ? this.begin() : this.#resolve(next === 'done' ? undefined : next)),
      (error: unknown) => this.#reject(error),
    );
  }

  /** What comes after a rest: another rest, the end of it all, or why there are no more heartbeats. */
  async #next(herd: ThunderingHerd | undefined): Promise<Silence | 'done' | 'rests'> {
    const { clock, hazards } = this.#context;
    if (herd === 'herd_end') this.#beats.rushed = true;
    if (this.#beats.rushed || clock.now() >= this.#untilMs + this.#beats.stalledMs) return 'done';
    if (herd === 'herd_heartbeat') return (await this.#beats.beatNow()) ?? 'rests';
    if (clock.now() < this.#beats.due) return 'rests';
    if (hazards.hit('silent_death')) return 'silent';
    const hung = hazards.hit('zombie');
    if (hung) {
      const since = clock.now();
      if ((await this.#hang(hung)) !== undefined) return 'late';
      this.#beats.stalledMs += clock.now() - since;
      return 'rests';
    }
    return (await this.#beats.beat()) ?? 'rests';
  }

  /**
   * The machine stalls. When it runs again, the worker does not know how long that took: it sends a heartbeat and
   * continues as if no time had passed.
   */
  async #hang(hung: Hit): Promise<Silence | undefined> {
    const { hooks } = this.#context;
    await cancellableSleep(hung.ms, hung.closed, hooks.cancel).catch(() => undefined);
    hooks.cancel.throwIfAborted();
    return this.#beats.beatNow();
  }
}

/** One function for all of them: a closure for each timer would be held between two heartbeats. */
function timeIsUp(rest: Rest): void {
  rest.timeIsUp();
}
