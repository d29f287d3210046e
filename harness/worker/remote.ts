import type { ClockReading } from '../model/clock-offset.ts';
import type { Misbehaviour, PlannedHazard } from '../model/misbehaviour.ts';
import type { LifeEnd, Operation } from '../model/operation.ts';
import type { LifeSpec } from './life-spec.ts';

/**
 * How a worker in another process gets lives and reports on them, over HTTP with JSON bodies. The run's token is the
 * bearer of each request.
 *
 *     POST /leases       {}              200 Lease; 204 no life at this moment, ask again; 410 the run has ended
 *     POST /leases/ID    ProgressReport  200 ProgressReply; 410 the lease has expired: the life is lost, send no more
 */
export interface Lease extends Timed {
  readonly lease: number;
  readonly spec: LifeSpec;
  /** The API server of its tasks, without a slash at its end. */
  readonly url: string;
  /** See `OperationLog`. */
  readonly correlation: string;
  /** Wall clock at 0 ms of the run's clock, milliseconds since 1970. */
  readonly startedAt: number;
  /** A progress report is due so often, milliseconds. */
  readonly reportMs: number;
  readonly windows: readonly PlannedHazard[];
  /** See `ProgressReply`. */
  readonly endsMs: number | null;
}

/** When a request came and when it was answered, milliseconds on the run's clock. */
export interface Timed {
  readonly receivedMs: number;
  readonly answeredMs: number;
}

/** An operation under the life's own number, and what the server answered, also where that was dropped. */
export type OperationReport = readonly [operation: Operation, status: number | null];

export interface ProgressReport {
  /** The worker's process, and what its exchanges since the last report say of its clock, of which the best one. */
  readonly process: string;
  readonly reading?: ClockReading;
  /** Those that ended since the last report. */
  readonly operations: readonly OperationReport[];
  /** Requests that the life has sent in all, under way or ended. */
  readonly sent: number;
  /** Hits of windows since the last report. */
  readonly hits: readonly (readonly [Misbehaviour, times: number])[];
  readonly startedMs?: number;
  /** It asks for its deferral next. */
  readonly leaving?: true;
  /** In the last report. */
  readonly end?: LifeEnd;
}

export interface ProgressReply extends Timed {
  /** The run has ended. */
  readonly cancelled: boolean;
  /** Airflow has revoked the workload. */
  readonly revoked: boolean;
  /** When the run will end, on its clock, whatever is under way then; null during the load. */
  readonly endsMs: number | null;
}
