/** What a scenario lets the nemesis do. Times are drawn evenly from their range, milliseconds. */
export interface ChaosSpec {
  /** Names of `harness/faults/`; `all`: whichever the stack can host. */
  readonly faults: readonly string[] | 'all';
  /** From the end of one window to the beginning of the next. */
  readonly pause_ms: readonly [number, number];
  /** How long a window lasts; absent: as each fault has it. */
  readonly lasts_ms?: readonly [number, number];
  /** How many windows may be open at once, never two on one victim. */
  readonly at_once?: number;
}

/** One window, made definite: part of the plan, so that the same seed breaks the same things at the same moments. */
export interface PlannedFault {
  /** A name of `harness/faults/`. */
  readonly fault: string;
  /** A process (`scheduler-1`), `postgres`, `fleet`, `operators` or `executor`. */
  readonly victim: string;
  /** Milliseconds after the load began. */
  readonly at_ms: number;
  readonly for_ms: number;
  /** What else was drawn, by name. */
  readonly with: Readonly<Record<string, string | number>>;
}
