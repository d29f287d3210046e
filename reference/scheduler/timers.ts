export interface Timer {
  readonly everyMs: number;
  readonly action: () => Promise<void>;
}

/** Actions that the loop runs when they are due, one after another: Airflow's `EventScheduler`. */
export class Timers {
  readonly #timers: { readonly timer: Timer; dueAt: number }[];

  constructor(timers: readonly Timer[]) {
    const now = performance.now();
    this.#timers = timers.map((timer) => ({ timer, dueAt: now + timer.everyMs }));
  }

  /** Runs what is due; returns the milliseconds until the next one is. */
  async run(): Promise<number> {
    for (const entry of this.#timers) {
      if (entry.dueAt > performance.now()) continue;
      await entry.timer.action();
      entry.dueAt = performance.now() + entry.timer.everyMs;
    }
    return Math.max(0, Math.min(...this.#timers.map(({ dueAt }) => dueAt)) - performance.now());
  }
}
