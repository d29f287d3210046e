/** The run's clock: milliseconds since its start, monotonic. Everything that we do is stamped by it. */
export class RunClock {
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

/** Three decimals: a microsecond is more than the clock is worth, and full doubles double the record's size. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
