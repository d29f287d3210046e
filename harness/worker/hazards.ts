import type { FleetHazard, HazardTarget, Misbehaviour } from '../model/misbehaviour.ts';
import type { Rng } from '../model/rng.ts';
import { type CancelSignal, CancelSource } from './cancel.ts';

/** What all lives do at once when a window opens. */
export type ThunderingHerd = 'herd_heartbeat' | 'herd_end';

/** An occasion at which a life misbehaves. */
export interface Hit {
  /** How long it takes, or how far off it is, milliseconds. */
  readonly ms: number;
  /** Cancelled when the window closes. */
  readonly closed: CancelSignal;
}

/** What a window did. */
export interface Hits {
  readonly times: number;
  readonly lives: number;
}

interface Window {
  readonly hazard: FleetHazard;
  readonly lives: Set<number>;
  readonly closed: CancelSource;
  times: number;
}

/** Rests between two heartbeats, and can be woken by a thundering herd. */
export interface HerdMember {
  join(herd: ThunderingHerd): void;
}

/** The windows that are open, for the whole fleet. */
export class Hazards implements HazardTarget<FleetHazard> {
  readonly #open = new Set<Window>();
  /** Lives that rest: a set, because every life comes and goes at every heartbeat. */
  readonly #resting = new Set<LifeHazards>();
  readonly #hits = new Map<Misbehaviour, number>();

  async openWindow(hazard: FleetHazard): Promise<() => Promise<string>> {
    const close = this.open(hazard);
    return async () => {
      const { times, lives } = close();
      return `${times} times, ${lives} lives`;
    };
  }

  /** The result closes the window; it may be called twice. */
  open(hazard: FleetHazard): () => Hits {
    const window: Window = { hazard, lives: new Set(), closed: new CancelSource(), times: 0 };
    this.#open.add(window);
    const { misbehaviour } = hazard;
    if (misbehaviour === 'herd_heartbeat' || misbehaviour === 'herd_end') {
      for (const resting of [...this.#resting]) resting.offer(window, misbehaviour);
    }
    return () => {
      this.#open.delete(window);
      window.closed.cancel();
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

  /** Whether no window is open, as for most of most runs. */
  get isCalm(): boolean {
    return this.#open.size === 0;
  }

  /** Hits of all windows since the last call. */
  takeHits(): [Misbehaviour, number][] {
    const hits = [...this.#hits];
    this.#hits.clear();
    return hits;
  }

  /** As one life meets them. The generator is its own: who is hit does not depend on which other lives there are. */
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
  readonly #hits: Map<Misbehaviour, number>;
  #member: HerdMember | undefined;

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

  /** Whether the life misbehaves at this occasion, and how. */
  hit(misbehaviour: Misbehaviour): Hit | undefined {
    for (const window of this.#open) {
      const { share, ms = [0, 0] } = window.hazard;
      if (window.hazard.misbehaviour !== misbehaviour || !this.#rng.chance(share)) continue;
      this.#count(window);
      return { ms: this.#rng.between(...ms), closed: window.closed };
    }
    return undefined;
  }

  /** From now on a thundering herd takes this member along, until `leaveHerd` or until it has joined one. */
  awaitHerd(member: HerdMember): void {
    this.#member = member;
    this.#resting.add(this);
  }

  leaveHerd(): void {
    this.#member = undefined;
    this.#resting.delete(this);
  }

  /** Called when a herd sets off: the life joins it, or not. */
  offer(window: Window, herd: ThunderingHerd): void {
    if (!this.#rng.chance(window.hazard.share)) return;
    this.#count(window);
    const member = this.#member;
    this.leaveHerd();
    member?.join(herd);
  }

  #count(window: Window): void {
    window.times++;
    window.lives.add(this.#life);
    const { misbehaviour } = window.hazard;
    this.#hits.set(misbehaviour, (this.#hits.get(misbehaviour) ?? 0) + 1);
  }
}
