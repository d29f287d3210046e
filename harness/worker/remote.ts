import type { Misbehaviour, PlannedHazard } from '../model/misbehaviour.ts';
import type { LifeEnd, Operation } from '../model/operation.ts';
import type { Birth } from './life-spec.ts';

/**
 * What a worker outside of this process is lent, and says of it, over HTTP with JSON bodies. The run's token is the
 * bearer of each request.
 *
 *     POST /leases       {now_ms}  200 Lease; 204 nothing to lend just now, ask again; 409 its clock is wrong; 410 over
 *     POST /leases/ID    Word      200 Reply; 410 the lease has run out: it is given up, and nothing more is sent
 */
export interface Lease {
  readonly lease: number;
  readonly birth: Birth;
  /** The API server of its tasks, without a slash at its end. */
  readonly url: string;
  /** See `RequestsOptions`. */
  readonly correlation: string;
  /** Wall clock at 0 ms of the run's clock, milliseconds since 1970. */
  readonly startedAt: number;
  /** A word is due so often, milliseconds. */
  readonly wordMs: number;
  readonly windows: readonly PlannedHazard[];
  /** See `Reply`. */
  readonly endsMs: number | null;
}

/** An operation under the life's own number, and what the server answered, also where that was dropped. */
export type Told = readonly [operation: Operation, status: number | null];

export interface Word {
  /** Those that ended since the last word. */
  readonly operations: readonly Told[];
  /** Requests that the life has sent in all, under way or ended. */
  readonly sent: number;
  /** Hits of windows since the last word. */
  readonly hits: readonly (readonly [Misbehaviour, times: number])[];
  readonly startedMs?: number;
  /** It asks for its deferral next. */
  readonly leaving?: true;
  /** The last word. */
  readonly end?: LifeEnd;
}

export interface Reply {
  /** The run is over. */
  readonly over: boolean;
  /** Airflow has taken the workload back. */
  readonly revoked: boolean;
  /** When the run will be over, on its clock, whatever is still under way then; null while the load goes on. */
  readonly endsMs: number | null;
}
