import type { Delivery } from '../handoff/delivery.ts';
import type { LifeOutcome } from '../handoff/workload.ts';
import type { ExecutorHazard, HazardTarget } from '../model/misbehaviour.ts';
import { Rng } from '../model/rng.ts';

interface Window {
  readonly hazard: ExecutorHazard;
  readonly rng: Rng;
  /** Notifications that are held, to be sent in another order. */
  readonly held: (() => void)[];
  times: number;
}

/** Notifies executors of the ends of lives, once, unless an open fault window changes that. */
export class CompletionNotifier implements HazardTarget<ExecutorHazard> {
  readonly #open = new Set<Window>();
  readonly #timers = new Set<NodeJS.Timeout>();

  /** `afterMs`: how long an executor takes to notice it; 0: at once. A window that is open then counts. */
  notify(delivery: Pick<Delivery, 'end'>, outcome: LifeOutcome, afterMs = 0): void {
    if (afterMs > 0) this.#later(afterMs, () => this.#pass(delivery, outcome));
    else this.#pass(delivery, outcome);
  }

  #pass(delivery: Pick<Delivery, 'end'>, outcome: LifeOutcome): void {
    for (const window of this.#open) {
      const { how, share, ms } = window.hazard;
      if (how === 'revoke-slow' || !window.rng.chance(share)) continue;
      window.times++;
      const afterMs = window.rng.between(...ms);
      if (how === 'late') this.#later(afterMs, () => delivery.end(outcome));
      if (how === 'doubled') delivery.end(outcome, afterMs);
      if (how === 'reordered') this.#hold(window, afterMs, () => delivery.end(outcome));
      return;
    }
    delivery.end(outcome);
  }

  /** Time that it takes to revoke a workload from its worker, in milliseconds. */
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

  /** Sends nothing more. Idempotent. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #hold(window: Window, ms: number, send: () => void): void {
    window.held.push(send);
    if (window.held.length === 1) this.#later(ms, () => release(window));
  }

  #later(ms: number, send: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, ms);
    this.#timers.add(timer);
  }
}

/** The last first. */
function release({ held }: Window): void {
  for (const send of held.splice(0).reverse()) send();
}
