import type { RecordableHistogram } from 'node:perf_hooks';

import type { Sighting } from './sighting.ts';
import type { Judgement } from './verdict.ts';

export type RunPhase =
  | 'starting'
  | 'connecting'
  | 'load'
  | 'settling'
  | 'snapshot'
  | 'taking the stack down'
  | 'judging';

/** What a run says of itself while it lasts. */
export interface RunProgress {
  /** A phase begins; `step` is the part of it that is shown instead of its name. */
  phase(phase: RunPhase, step?: string): void;
  /** From now on there are numbers to read. */
  numbers(read: () => LiveNumbers): void;
  /** One line for the reader. */
  note(text: string): void;
  /** What the record shows, the first of its kind in this run; how far into the load, null: before it. */
  sighting(seen: Sighting, intoLoadS: number | null): void;
  /** The run's verdict: what was said and is not confirmed is taken back. */
  judged(judgement: Judgement): void;
  stop(): void;
}

/** Counts since the load began, unless they say otherwise. */
export interface LiveNumbers {
  /** Simulated task attempts that have started and not ended. */
  readonly live: number;
  readonly sent: number;
  readonly http409: number;
  readonly http5xx: number;
  readonly deadlocks: number;
  /** Milliseconds from the intended start; its reader resets it. */
  readonly latency: RecordableHistogram;
  readonly lastFailure: string | undefined;
  /** Faults with an open window: `kill scheduler-1`. */
  readonly faults: readonly string[];
}
