/** The run's clock: milliseconds since its start. */
export interface Clock {
  now(): number;
  /**
   * What it counts in, where that is coarse: `now` is then up to so much behind, and what has ended is noted as so much
   * later, so that a request's window holds all that it did.
   */
  readonly tickMs?: number;
}

/** One that also knows what time of day it is. */
export interface StartedClock extends Clock {
  /** Wall clock at 0 ms. */
  readonly startedAt: Date;
}

/** The run's clock in the process that runs it, which also reads times that others have stamped. */
export interface WallClock extends StartedClock {
  /**
   * A wall-clock time of this machine (of a commit, of a log record) on the run's clock, milliseconds. Exact to the
   * clock's own steps: if NTP slews the wall clock during a run, by that much.
   */
  fromWall(epochMs: number): number;
}

/** Three decimals: a microsecond is more than the clock is worth, and full doubles double the record's size. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
