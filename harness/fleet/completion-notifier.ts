import type { LifeOutcome } from '../handoff/workload.ts';
import type { ExecutorHazard, HazardTarget } from '../model/misbehaviour.ts';
import { Rng } from '../model/rng.ts';

type Tell = (delivery: number, outcome: LifeOutcome, againAfterMs?: number) => void;

interface Window {
  readonly hazard: ExecutorHazard;
  readonly rng: Rng;
  /** Held back to be told in another order. */
  readonly held: (() => void)[];
  times: number;
}

/** What executors hear of the ends of lives, and lives of executors: at once and once, but for the windows that are open. */
export class EndNews implements HazardTarget<ExecutorHazard> {
  readonly #tell: Tell;
  readonly #open = new Set<Window>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  tell(delivery: number, outcome: LifeOutcome): void {
    for (const window of this.#open) {
      const { how, share, ms } = window.hazard;
      if (how === 'revoke-slow' || !window.rng.chance(share)) continue;
      window.times++;
      const afterMs = window.rng.between(...ms);
      if (how === 'late') this.#later(afterMs, () => this.#tell(delivery, outcome));
      if (how === 'doubled') this.#tell(delivery, outcome, afterMs);
      if (how === 'reordered') this.#hold(window, afterMs, () => this.#tell(delivery, outcome));
      return;
    }
    this.#tell(delivery, outcome);
  }

  /** How long it takes to take a workload back from its worker, milliseconds. */
  revokeTakesMs(): number {
    for (const window of this.#open) {
      const { how, share, ms } = window.hazard;
      if (how !== 'revoke-slow' || !window.rng.chance(share)) continue;
      window.times++;
      return window.rng.between(...ms);
    }
    return 0;
  }

  async openWindow(hazard: ExecutorHazard): Promise<() => Promise<string>> {
    const rng = new Rng(hazard.seed, 'executor events');
    const window: Window = { hazard, rng, held: [], times: 0 };
    this.#open.add(window);
    return async () => {
      this.#open.delete(window);
      release(window);
      return `${window.times} ${hazard.how === 'revoke-slow' ? 'times' : 'ends'}`;
    };
  }

  /** Nothing more is told. Idempotent. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #hold(window: Window, ms: number, deed: () => void): void {
    window.held.push(deed);
    if (window.held.length === 1) this.#later(ms, () => release(window));
  }

  #later(ms: number, deed: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      deed();
    }, ms);
    this.#timers.add(timer);
  }
}

/** The last first. */
function release({ held }: Window): void {
  for (const deed of held.splice(0).reverse()) deed();
}
