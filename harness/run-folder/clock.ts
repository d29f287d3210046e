import type { WallClock } from '../model/clock.ts';

/** The run's clock: milliseconds since its start, monotonic. Everything that we do is stamped by it. */
export class RunClock implements WallClock {
  readonly startedAt: Date;
  readonly #origin: number;

  constructor() {
    this.startedAt = new Date();
    this.#origin = performance.now();
  }

  now(): number {
    return performance.now() - this.#origin;
  }

  fromWall(epochMs: number): number {
    return epochMs - this.startedAt.getTime();
  }
}
