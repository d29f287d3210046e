import { type Clock, roundMs, type WallClock } from './clock.ts';
import type { Plan } from './scenario.ts';
import type { TableName } from './tables.ts';

/** Where the parts of a run write down what they do and see: the run folder, while the run lasts. */
export interface Recorder {
  /** A row with the columns that docs/run-folder.md gives its table. Does not wait; a failure ends the run. */
  append(table: TableName | `final_${string}`, row: object): void;
  /** Resolves when everything appended before the call is with the kernel. Never rejects. */
  flush(): Promise<void>;
  /** Milliseconds since the oldest row was appended that is not yet written; 0 if all are. */
  readonly behindMs: number;
}

/** Writes what the harness itself has to say about a run: a row of `server_log` with the source `harness`. */
export function note(
  { record, clock }: { readonly record: Recorder; readonly clock: Clock },
  severity: 'WARNING' | 'ERROR',
  message: string,
): void {
  record.append('server_log', { at_ms: roundMs(clock.now()), source: 'harness', severity, message });
}

/**
 * The same, of something that the record lacks: a table, a relation of `commits`, or a column. The judge is in doubt
 * about what depends on it. What a gap hides is not known, only from when on there may be one.
 */
export function noteGap(
  { record, clock }: { readonly record: Recorder; readonly clock: Clock },
  what: string,
  message: string,
): void {
  const row = { at_ms: roundMs(clock.now()), source: 'harness', severity: 'ERROR', message };
  record.append('server_log', { ...row, detail: `gap in ${what}` });
}

/** What every part of a run is given. */
export interface RunContext {
  readonly plan: Plan;
  readonly record: Recorder;
  readonly clock: WallClock;
  /** Ends the run: the load stops, what was recorded is closed and can be judged. The first error counts. */
  fail(error: Error): void;
}
