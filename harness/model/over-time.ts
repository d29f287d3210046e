/** A run over its time, in at most `MOST_STEPS` steps however long it was: what the charts draw. */
export interface OverTime {
  /** The beginning of the first step on the run's clock: when the load began. */
  readonly from_ms: number;
  readonly step_ms: number;
  readonly steps: number;
  /** When the load ended on the run's clock; the steps after it are those of settling. */
  readonly load_ended_ms: number;
  readonly series: readonly Series[];
}

/** One line of a chart. */
export interface Series {
  readonly metric: SeriesMetric;
  /** What of it: an outcome, a quantile, a process. */
  readonly of: string;
  /** One for each step; null where nothing was measured. */
  readonly values: readonly (number | null)[];
}

export type SeriesMetric =
  /** Requests a second by outcome (`ok`, `refused`, `unknown`), in the step for which they were intended. */
  | 'requests_per_s'
  /** From the intended start: `p50`, `p95`, `p99`. */
  | 'latency_ms'
  /** How many in the step: `409`, `5xx`, `deadlocks`. */
  | 'events'
  /** `live lives`, `requests in flight`. */
  | 'load'
  /** Processors used, by process; past eight processes by role. */
  | 'cpu_cores'
  | 'memory_bytes'
  /** `waiting for a lock`, `connections`: sessions of the database. */
  | 'database'
  /** The longest of the step: `event loop delay`, `waiting for a processor`, `collecting garbage`, `sent late`, `recorder behind`, `commit stream behind`. */
  | 'harness_ms';

/** A window of damage and the load before, while and after it was open. */
export interface FaultEffect {
  readonly window: number;
  readonly fault: string;
  readonly victim: string;
  readonly opened_ms: number;
  /** Null: still open at the end. */
  readonly closed_ms: number | null;
  readonly detail: string | null;
  /** Another window was open in the seconds before it, so that they are no quiet ones. */
  readonly others_before: boolean;
  /** Up to 10 s before it opened; while it was open; up to 10 s after it closed. Null: there were no such seconds of load. */
  readonly before: Phase | null;
  readonly during: Phase | null;
  readonly after: Phase | null;
  /**
   * From its end to the first 5 s of load, within a minute, in which nine of ten requests had an answer within twice the
   * time that 95 % took before it opened (100 ms at least); null: not seen, or there was nothing before to compare with.
   */
  readonly recovered_ms: number | null;
}

/** Requests count in the phase for which they were intended. */
export interface Phase {
  readonly seconds: number;
  readonly ok_per_s: number;
  readonly refused_per_s: number;
  /** 5xx, or no answer. */
  readonly unknown_per_s: number;
  /** From the intended start; null: nothing was answered. */
  readonly p95_ms: number | null;
  /** Lives at work, the mean; null if not sampled. */
  readonly live: number | null;
}

/** What the harness took, and how well it kept up, during the load. Null: not sampled. */
export interface HarnessCost {
  /** Of the machine's CPU, 0 to 1. */
  readonly cpu_share: number | null;
  readonly cpu_s: number | null;
  readonly peak_rss_bytes: number | null;
  /** The longest time its event loop stood still. */
  readonly loop_delay_ms: number | null;
  /** How much later than intended requests were sent: 99 of 100 of them, and the latest. */
  readonly late_p99_ms: number | null;
  readonly late_max_ms: number | null;
  /** How far the stream of commits was behind, at most. */
  readonly commit_lag_ms: number | null;
  /** The longest time that it collected garbage at a stretch. */
  readonly gc_pause_ms: number | null;
  /** Of the load's time, how much its event loop was ready to run and had to wait for a processor, 0 to 1. */
  readonly cpu_wait_share: number | null;
  /** The greatest age of a row that was not with the kernel yet. */
  readonly recorder_behind_ms: number | null;
  /** Requests that waited for a connection, at most. */
  readonly connections_waiting: number | null;
  /** Of the machine's ephemeral ports, the most that were in use, 0 to 1. */
  readonly ports_share: number | null;
}
