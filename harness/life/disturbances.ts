import type { Disturbable, FleetDisturbance, Mischief } from '../model/disturbance.ts';
import type { Rng } from '../model/rng.ts';
import { Ending, type Over } from './over.ts';

/** What all do at once, at the opening of a window. */
export type Stampede = 'stampede_heartbeat' | 'stampede_end';

/** An occasion that was taken. */
export interface Hit {
  /** How long it takes, or how far it is off, milliseconds. */
  readonly ms: number;
  /** The window closed. */
  readonly over: Over;
}

/** What a window did. */
export interface Struck {
  readonly times: number;
  readonly lives: number;
}

interface Window {
  readonly disturbance: FleetDisturbance;
  readonly lives: Set<number>;
  readonly over: Ending;
  times: number;
}

/** Asked when a stampede begins: joins it, or rests on. */
type Resting = (window: Window, stampede: Stampede) => void;

/** What the windows that are open make of the fleet. */
export class Disturbances implements Disturbable<FleetDisturbance> {
  readonly #open = new Set<Window>();
  /** Those who rest: a set, because every life comes and goes at every beat. */
  readonly #resting = new Set<Resting>();
  readonly #hits = new Map<Mischief, number>();

  /** Opens the same windows for lives that are played in other threads. */
  relay: ((disturbance: FleetDisturbance) => Promise<() => Promise<Struck>>) | undefined;

  async disturb(disturbance: FleetDisturbance): Promise<() => Promise<string>> {
    const close = this.open(disturbance);
    const closeElsewhere = await this.relay?.(disturbance);
    return async () => {
      const here = close();
      const there = (await closeElsewhere?.()) ?? { times: 0, lives: 0 };
      return `${here.times + there.times} times, ${here.lives + there.lives} lives`;
    };
  }

  /** What closes it may be called twice. */
  open(disturbance: FleetDisturbance): () => Struck {
    const window: Window = { disturbance, lives: new Set(), over: new Ending(), times: 0 };
    this.#open.add(window);
    const { mischief } = disturbance;
    if (mischief === 'stampede_heartbeat' || mischief === 'stampede_end') {
      for (const join of [...this.#resting]) join(window, mischief);
    }
    return () => {
      this.#open.delete(window);
      window.over.end();
      return { times: window.times, lives: window.lives.size };
    };
  }

  /** It struck a life that is played elsewhere. */
  struck(mischief: Mischief, life: number, times: number): void {
    for (const window of this.#open) {
      if (window.disturbance.mischief !== mischief) continue;
      window.times += times;
      window.lives.add(life);
      return;
    }
  }

  /** How often windows struck since this was asked last. */
  takeHits(): [Mischief, number][] {
    const hits = [...this.#hits];
    this.#hits.clear();
    return hits;
  }

  /** As one life meets them. The generator is its own, so that who is hit does not depend on who else there is. */
  of(life: number, rng: Rng): Disturbed {
    return new Disturbed(life, rng, this.#open, this.#resting, this.#hits);
  }
}

/** The windows that are open, as one life meets them. */
export class Disturbed {
  readonly #life: number;
  readonly #rng: Rng;
  readonly #open: ReadonlySet<Window>;
  readonly #resting: Set<Resting>;
  readonly #hits: Map<Mischief, number>;

  constructor(life: number, rng: Rng, open: ReadonlySet<Window>, resting: Set<Resting>, hits: Map<Mischief, number>) {
    this.#life = life;
    this.#rng = rng;
    this.#open = open;
    this.#resting = resting;
    this.#hits = hits;
  }

  /** Whether this occasion is taken. */
  hit(mischief: Mischief): Hit | undefined {
    for (const window of this.#open) {
      const { share, ms = [0, 0] } = window.disturbance;
      if (window.disturbance.mischief !== mischief || !this.#rng.chance(share)) continue;
      this.#note(window);
      return { ms: this.#rng.between(...ms), over: window.over };
    }
    return undefined;
  }

  /** Resolves after so many milliseconds, or before, with the stampede that it joins. Rejects when the run is over. */
  rest(ms: number, over: Over): Promise<Stampede | undefined> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        this.#resting.delete(join);
        over.removeEventListener('abort', fail);
      };
      const done = () => {
        stop();
        resolve(undefined);
      };
      const join: Resting = (window, stampede) => {
        if (!this.#rng.chance(window.disturbance.share)) return;
        this.#note(window);
        stop();
        resolve(stampede);
      };
      const fail = () => {
        stop();
        reject(over.reason);
      };
      const timer = setTimeout(done, Math.max(0, ms));
      this.#resting.add(join);
      over.addEventListener('abort', fail);
      if (over.aborted) fail();
    });
  }

  #note(window: Window): void {
    window.times++;
    window.lives.add(this.#life);
    const { mischief } = window.disturbance;
    this.#hits.set(mischief, (this.#hits.get(mischief) ?? 0) + 1);
  }
}
