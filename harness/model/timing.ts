/** One step of starting or ending a run, milliseconds on the run's clock; steps may lie beside each other. */
export interface TimedStep {
  readonly step: string;
  readonly began_ms: number;
  readonly ended_ms: number;
}

/** Does something and notes how long it took, also if it fails. */
export type Stopwatch = <T>(step: string, action: () => Promise<T>) => Promise<T>;

/** For what is done outside a run. */
export const untimed: Stopwatch = (_step, action) => action();
