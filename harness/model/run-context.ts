import type { WallClock } from './clock.ts';
import type { Recorder } from './recorder.ts';
import type { Plan } from './scenario.ts';

/** What every part of a run is given. */
export interface RunContext {
  readonly plan: Plan;
  readonly record: Recorder;
  readonly clock: WallClock;
  /** Ends the run: the load stops, what was recorded is closed and can be judged. The first error counts. */
  fail(error: Error): void;
}
