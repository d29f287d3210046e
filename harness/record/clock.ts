import type { Clock } from '../model/clock.ts';

/** The run's clock: milliseconds since its start, monotonic. Everything that we do is stamped by it. */
export class RunClock implements Clock {
  readonly startedAt = new Date();
  readonly #origin = performance.now();

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
}
