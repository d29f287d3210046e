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
