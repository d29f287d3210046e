/** The run's clock: milliseconds since its start. */
export interface Clock {
  now(): number;
}

/** Three decimals: a microsecond is more than the clock is worth, and full doubles double the record's size. */
export function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
