import { z } from 'zod';

import type { Judgement } from '../../harness/model/verdict.ts';
import { type Assert, type Describes, published } from './schema.ts';

/**
 * The shape of `verdict.json` for programs that read it: docs/verdict.schema.json is made of it. What each field means
 * is said at its type (harness/model/verdict.ts, finding.ts, over-time.ts); the two are held together below.
 */

const text = z.string();
const number = z.number();
const whole = z.int();
const maybe = number.nullable();
const maybeText = text.nullable();
const maybeWhole = whole.nullable();
const verdict = z.enum(['pass', 'fail', 'unknown']);

const violation = z.object({
  at_ms: number,
  subject: text,
  variant: text.optional(),
  severity: number,
  sentence: text,
  operations: z.array(whole),
  commits: z.array(whole),
});

const invariant = z.object({
  name: text,
  claim: text,
  verdict,
  known_issues: z.array(text),
  exercised: number,
  exercised_wanted: number,
  exercised_by: text,
  aimed: z.boolean(),
  violations: whole,
  first: violation.nullable(),
  worst: violation.nullable(),
  last: violation.nullable(),
  variants: z.record(text, number).optional(),
  why_unknown: maybeText,
});

const timelineEntry = z.object({
  at_ms: number,
  offset_ms: number,
  actor: text,
  event: z.enum(['request', 'answer', 'exchange', 'commit', 'log', 'fault']),
  what: text,
  before: maybeText,
  after: maybeText,
  outcome: z.enum(['ok', 'refused', 'unknown']).nullable(),
  of_subject: z.boolean(),
  proves: z.boolean(),
  operation: maybeWhole,
  commit: maybeWhole,
  by: maybeWhole,
});

const contrastLine = z.object({
  label: text,
  victims: whole,
  of_victims: whole,
  others: whole,
  of_others: whole,
  p_value: number,
});

const moment = violation.extend({ invariant: text });

const finding = z.object({
  id: text,
  fingerprint: text,
  title: text,
  root: z.object({ invariant: text, variant: text }),
  invariants: z.array(z.object({ name: text, claim: text, violations: whole })),
  known_race: maybeText,
  occurrences: whole,
  violations: whole,
  first: moment,
  worst: moment,
  last: moment,
  timeline: z.object({ subject: text, at_ms: number, entries: z.array(timelineEntry), left_out: whole }).nullable(),
  contrast: z.object({ unit: text, victims: whole, others: whole, lines: z.array(contrastLine) }).nullable(),
  faults: z.array(
    z.object({
      fault: text,
      victim: text,
      opened_ms: number,
      closed_ms: maybe,
      detail: maybeText,
      occurrences: whole,
    }),
  ),
  left_out: maybeText,
});

const deadlock = z.object({
  at_ms: number,
  sides: z.array(
    z.object({
      pid: whole,
      process: text,
      statement: text,
      action: maybeText,
      subject: maybeText,
      operation: maybeWhole,
      xid: maybeWhole,
      xact_started_ms: maybe,
      lock: maybeText,
      waits_for: maybeText,
      blocked_by: maybeWhole,
      waited_from_ms: maybe,
    }),
  ),
  fingerprint: text,
  operation: maybeWhole,
  explained: z.boolean(),
  outcome: z
    .object({
      status: maybeWhole,
      answered_ms: maybe,
      retry_operation: maybeWhole,
      retry_ms: maybe,
      retry_status: maybeWhole,
      state: maybeText,
      state_ms: maybe,
      commit: maybeWhole,
    })
    .nullable(),
  died_ms: maybe,
  left_out: whole,
});

const phase = z
  .object({
    seconds: number,
    ok_per_s: number,
    refused_per_s: number,
    unknown_per_s: number,
    p95_ms: maybe,
    live: maybe,
  })
  .nullable();

const overTime = z.object({
  from_ms: number,
  step_ms: number,
  steps: whole,
  load_ended_ms: number,
  series: z.array(
    z.object({
      metric: z.enum([
        'requests_per_s',
        'latency_ms',
        'events',
        'load',
        'cpu_cores',
        'memory_bytes',
        'database',
        'harness_ms',
      ]),
      of: text,
      values: z.array(maybe),
    }),
  ),
});

const faultEffect = z.object({
  window: whole,
  fault: text,
  victim: text,
  opened_ms: number,
  closed_ms: maybe,
  detail: maybeText,
  others_before: z.boolean(),
  before: phase,
  during: phase,
  after: phase,
  recovered_ms: maybe,
});

export const judgementSchema = z.object({
  verdict,
  build: text,
  scenario: text,
  seed: whole,
  run: text,
  findings: z.array(finding),
  findings_left_out: maybeText,
  invariants: z.array(invariant),
  assumptions: z.array(z.object({ name: text, claim: text, verdict, sentence: text })),
  thresholds: z.array(z.object({ metric: text, expression: text, verdict, value: maybe })),
  counts: z.record(text, number),
  refusals: z.array(
    z.object({ status: whole, kind: text, reason: text, found_state: text, replay: z.boolean(), count: whole }),
  ),
  classes: z.array(
    z.object({
      status: whole,
      kind: text,
      reason: text,
      found_state: text,
      class: text,
      count: whole,
      example: whole,
      explanation: text,
      cause_operation: maybeWhole,
      cause_commit: maybeWhole,
    }),
  ),
  latency: z.array(
    z.object({ kind: text, count: whole, p50_ms: number, p95_ms: number, p99_ms: number, max_ms: number }),
  ),
  deadlocks: z.array(deadlock),
  first_violation_s: maybe,
  harness_cpu_share: maybe,
  load_seconds: number,
  measures: z
    .object({ tasks_per_second: maybe, cpu_s_per_task: maybe, memory_bytes: maybe, lock_waits: maybe })
    .optional(),
  timeline: z.array(
    z.object({
      second: whole,
      requests: whole,
      http_409: whole,
      http_5xx: whole,
      deadlocks: whole,
      live: maybe,
    }),
  ),
  over_time: overTime,
  faults: z.array(faultEffect),
  harness: z.object({
    cpu_share: maybe,
    cpu_s: maybe,
    peak_rss_bytes: maybe,
    loop_delay_ms: maybe,
    late_p99_ms: maybe,
    late_max_ms: maybe,
    commit_lag_ms: maybe,
    gc_pause_ms: maybe,
    cpu_wait_share: maybe,
    recorder_behind_ms: maybe,
    connections_waiting: maybe,
    ports_share: maybe,
  }),
});

/** `docs/verdict.schema.json`. */
export const verdictSchema = () =>
  published(judgementSchema, 'verdict.json of windtunnel, and what `run --json` and `check --json` print');

export type Held = Assert<Describes<typeof judgementSchema, Judgement>>;
