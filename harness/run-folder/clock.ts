import type { Clock } from '../model/clock.ts';

/** A run's clock as another thread of the process can have it: milliseconds since 1970, and since `performance.timeOrigin` was 0. */
export interface SharedClock {
  readonly startedAt: number;
  readonly originMs: number;
}

/** The run's clock: milliseconds since its start, monotonic. Everything that we do is stamped by it. */
export class RunClock implements Clock {
  readonly startedAt: Date;
  readonly #origin: number;

  constructor(shared?: SharedClock) {
    this.startedAt = shared ? new Date(shared.startedAt) : new Date();
    this.#origin = shared ? shared.originMs - performance.timeOrigin : performance.now();
  }

  now(): number {
    return performance.now() - this.#origin;
  }

  /**
   * A wall-clock time of this machine (a commit's, a log record's) on the run's clock. Exact to the clock's own steps:
   * if NTP slews the wall clock during a run, by that much.
   */
  fromWall(epochMs: number): number {
    return epochMs - this.startedAt.getTime();
  }

  get shared(): SharedClock {
    return { startedAt: this.startedAt.getTime(), originMs: performance.timeOrigin + this.#origin };
  }
}
