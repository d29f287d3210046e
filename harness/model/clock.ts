/** The run's clock: milliseconds since its start. */
export interface Clock {
  now(): number;
  /**
   * What it counts in, where that is coarse: `now` is then up to so much behind, and what has ended is noted as so much
   * later, so that a request's window holds all that it did.
   */
  readonly tickMs?: number;
}

/** Three decimals: a microsecond is more than the clock is worth, and full doubles double the record's size. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
