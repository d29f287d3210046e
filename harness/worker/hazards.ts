import type { FleetHazard, HazardTarget, Misbehaviour } from '../model/misbehaviour.ts';
import type { Rng } from '../model/rng.ts';
import { Ending, type Over } from './cancel.ts';

/** What all do at once, at the opening of a window. */
export type ThunderingHerd = 'herd_heartbeat' | 'herd_end';

/** An occasion that was taken. */
export interface Hit {
  /** How long it takes, or how far it is off, milliseconds. */
  readonly ms: number;
  /** The window closed. */
  readonly over: Over;
}

/** What a window did. */
export interface Hits {
  readonly times: number;
  readonly lives: number;
}

interface Window {
  readonly hazard: FleetHazard;
  readonly lives: Set<number>;
  readonly over: Ending;
  times: number;
}

/** Rests between two heartbeats, as a fleet does most of the time. */
export interface Sleeper {
  /** The time is up; or all wake up at once, and it joins them. */
  wakes(herd: ThunderingHerd | undefined): void;
  /** The run is over. */
  calledOff(reason: unknown): void;
}

/** What the windows that are open make of the fleet. */
export class Hazards implements HazardTarget<FleetHazard> {
  readonly #open = new Set<Window>();
  /** Those who rest: a set, because every life comes and goes at every beat. */
  readonly #resting = new Set<LifeHazards>();
  readonly #hits = new Map<Misbehaviour, number>();

  async openWindow(hazard: FleetHazard): Promise<() => Promise<string>> {
    const close = this.open(hazard);
    return async () => {
      const { times, lives } = close();
      return `${times} times, ${lives} lives`;
    };
  }

  /** What closes it may be called twice. */
  open(hazard: FleetHazard): () => Hits {
    const window: Window = { hazard, lives: new Set(), over: new Ending(), times: 0 };
    this.#open.add(window);
    const { misbehaviour } = hazard;
    if (misbehaviour === 'herd_heartbeat' || misbehaviour === 'herd_end') {
      for (const resting of [...this.#resting]) resting.join(window, misbehaviour);
    }
    return () => {
      this.#open.delete(window);
      window.over.end();
      return { times: window.times, lives: window.lives.size };
    };
  }

  /** Counts hits of a life that is played elsewhere. */
  addHits(misbehaviour: Misbehaviour, life: number, times: number): void {
    for (const window of this.#open) {
      if (window.hazard.misbehaviour !== misbehaviour) continue;
      window.times += times;
      window.lives.add(life);
      return;
    }
  }

  /** Whether any is open: none is for most of most runs. */
  get isCalm(): boolean {
    return this.#open.size === 0;
  }

  /** Hits of all windows since the last call. */
  takeHits(): [Misbehaviour, number][] {
    const hits = [...this.#hits];
    this.#hits.clear();
    return hits;
  }

  /** As one life meets them. The generator is its own, so that who is hit does not depend on who else there is. */
  of(life: number, rng: Rng): LifeHazards {
    return new LifeHazards(life, rng, this.#open, this.#resting, this.#hits);
  }
}

/** The windows that are open, as one life meets them. */
export class LifeHazards {
  readonly #life: number;
  readonly #rng: Rng;
  readonly #open: ReadonlySet<Window>;
  readonly #resting: Set<LifeHazards>;
  #sleeper: Sleeper | undefined;
  #over: Over | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #hits: Map<Misbehaviour, number>;

  constructor(
    life: number,
    rng: Rng,
    open: ReadonlySet<Window>,
    resting: Set<LifeHazards>,
    hits: Map<Misbehaviour, number>,
  ) {
    this.#life = life;
    this.#rng = rng;
    this.#open = open;
    this.#resting = resting;
    this.#hits = hits;
  }

  /** Whether this occasion is taken. */
  hit(misbehaviour: Misbehaviour): Hit | undefined {
    for (const window of this.#open) {
      const { share, ms = [0, 0] } = window.hazard;
      if (window.hazard.misbehaviour !== misbehaviour || !this.#rng.chance(share)) continue;
      this.#note(window);
      return { ms: this.#rng.between(...ms), over: window.over };
    }
    return undefined;
  }

  /** Wakes the sleeper after so many milliseconds, or before, with the herd that it joins. One rest at a time. */
  rest(ms: number, over: Over, sleeper: Sleeper): void {
    this.#sleeper = sleeper;
    this.#over = over;
    this.#timer = setTimeout(wake, Math.max(0, ms), this);
    this.#resting.add(this);
    over.addEventListener('abort', this);
    if (over.aborted) this.handleEvent();
  }

  /** Asked when a herd begins: joins it, or rests on. */
  join(window: Window, herd: ThunderingHerd): void {
    if (!this.#rng.chance(window.hazard.share)) return;
    this.#note(window);
    this.wake(herd);
  }

  wake(herd?: ThunderingHerd): void {
    this.#rise()?.wakes(herd);
  }

  /** Of `over`. */
  handleEvent(): void {
    const reason = this.#over?.reason;
    this.#rise()?.calledOff(reason);
  }

  #rise(): Sleeper | undefined {
    const sleeper = this.#sleeper;
    clearTimeout(this.#timer);
    this.#resting.delete(this);
    this.#over?.removeEventListener('abort', this);
    this.#sleeper = this.#over = this.#timer = undefined;
    return sleeper;
  }

  #note(window: Window): void {
    window.times++;
    window.lives.add(this.#life);
    const { misbehaviour } = window.hazard;
    this.#hits.set(misbehaviour, (this.#hits.get(misbehaviour) ?? 0) + 1);
  }
}

function wake(resting: LifeHazards): void {
  resting.wake();
}
