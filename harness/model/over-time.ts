import { z } from 'zod';

import { maybe, number, type Plain, text, whole } from './schema.ts';

/** A run over its time. A part of the schema of `verdict.json`, which the types are made of. */

const seriesMetric = z.enum([
  /** Requests a second by outcome (`ok`, `refused`, `unknown`), in the step for which they were intended. */
  'requests_per_s',
  /** From the intended start: `p50`, `p95`, `p99`. */
  'latency_ms',
  /** How many in the step: `409`, `5xx`, `deadlocks`. */
  'events',
  /** `live lives`, `requests in flight`. */
  'load',
  /** Processors used, by process; past eight processes by role. */
  'cpu_cores',
  'memory_bytes',
  /** `waiting for a lock`, `connections`: sessions of the database. */
  'database',
  /**
   * The longest of the step: `event loop delay`, `waiting for a processor`, `garbage collection`, `request lateness`,
   * `recorder lag`, `commit stream lag`.
   */
  'harness_ms',
]);

const series = z.object({
  metric: seriesMetric,
  of: text.describe('Which of the metric: an outcome, a quantile, a process'),
  values: z.array(maybe).describe('One for each step; null where nothing was measured'),
});

export const OVER_TIME = z
  .object({
    from_ms: number.describe("The beginning of the first step on the run's clock: when the load began"),
    step_ms: number,
    steps: whole,
    load_ended_ms: number.describe("On the run's clock; the steps after it are those of settling"),
    series: z.array(series),
  })
  .describe('A run over its time, in a limited number of steps however long it was: the data of the charts');

const phase = z
  .object({
    seconds: number,
    ok_per_s: number,
    refused_per_s: number,
    unknown_per_s: number.describe('5xx, or no response'),
    p95_ms: maybe.describe('From the intended start; null: no response'),
    live: maybe.describe('Lives at work, the mean; null if not sampled'),
  })
  .nullable()
  .describe('Requests count in the phase for which they were intended. Null: there were no such seconds of load');

export const FAULT_EFFECT = z
  .object({
    window: whole,
    fault: text,
    victim: text,
    opened_ms: number,
    closed_ms: maybe.describe('Null: still open at the end'),
    detail: text.nullable(),
    others_before: z.boolean().describe('Another window was open in the seconds before it, which were not quiet then'),
    before: phase.describe('Up to 10 s before it opened'),
    during: phase.describe('While it was open'),
    after: phase.describe('Up to 10 s after it closed'),
    recovered_ms: maybe.describe(
      'From its end to the first 5 s of load, within a minute, in which nine of ten requests had a response within ' +
        'twice the time that 95 % took before it opened (100 ms at least); null: not seen, or nothing to compare with',
    ),
  })
  .describe('A window of damage and the load before, during and after it');

export const HARNESS_COST = z
  .object({
    cpu_share: maybe.describe("Of the machine's CPU, 0 to 1"),
    cpu_s: maybe,
    peak_rss_bytes: maybe,
    loop_delay_ms: maybe.describe('The longest pause of its event loop'),
    late_p99_ms: maybe.describe('How much later than intended requests were sent: 99 of 100 of them'),
    late_max_ms: maybe.describe('… and the latest'),
    commit_lag_ms: maybe.describe('How far the stream of commits was behind, at most'),
    gc_pause_ms: maybe.describe('The longest garbage collection'),
    cpu_wait_share: maybe.describe("Share of the load's time in which its event loop waited for a processor, 0 to 1"),
    recorder_behind_ms: maybe.describe('The greatest age of a row that was not yet written'),
    connections_waiting: maybe.describe('Requests that were queued for a connection, at most'),
    ports_share: maybe.describe("Of the machine's ephemeral ports, the most that were in use, 0 to 1"),
  })
  .describe('What the harness took, and how well it kept up, during the load. Null: not sampled');

export type OverTime = Plain<typeof OVER_TIME>;
export type Series = Plain<typeof series>;
export type SeriesMetric = z.infer<typeof seriesMetric>;
export type FaultEffect = Plain<typeof FAULT_EFFECT>;
export type Phase = NonNullable<Plain<typeof phase>>;
export type HarnessCost = Plain<typeof HARNESS_COST>;
