import type { WallClock } from '../model/clock.ts';

/** A run's clock as another thread of the process can have it: milliseconds since 1970, and since `performance.timeOrigin` was 0. */
export interface SharedClock {
  readonly startedAt: number;
  readonly originMs: number;
}

/** The run's clock: milliseconds since its start, monotonic. Everything that we do is stamped by it. */
export class RunClock implements WallClock {
  readonly startedAt: Date;
  readonly #origin: number;

  constructor(shared?: SharedClock) {
    this.startedAt = shared ? new Date(shared.startedAt) : new Date();
    this.#origin = shared ? shared.originMs - performance.timeOrigin : performance.now();
  }

  now(): number {
    return performance.now() - this.#origin;
  }

  fromWall(epochMs: number): number {
    return epochMs - this.startedAt.getTime();
  }

  get shared(): SharedClock {
    return { startedAt: this.startedAt.getTime(), originMs: performance.timeOrigin + this.#origin };
  }
}
