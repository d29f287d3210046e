import { z } from 'zod';
import { EPISODE } from './episode.ts';
import { FINDING, VIOLATION } from './finding.ts';
import { KNOWN_RESULT } from './known.ts';
import { FAULT_EFFECT, HARNESS_COST, OVER_TIME } from './over-time.ts';
import { EXECUTOR_BEHAVIOURS } from './scenario.ts';
import { maybe, maybeText, maybeWhole, number, type Plain, text, VERDICT, whole } from './schema.ts';

/**
 * The judgement of a run: what `windtunnel check --json` prints and `verdict.json` holds. The types are made of the
 * schema that is published as docs/verdict.schema.json; docs/verdict.md explains it.
 */

export const INVARIANT = z.object({
  name: text,
  claim: text,
  verdict: VERDICT,
  known_issues: z.array(text).describe('Issue numbers of the known races that it catches, such as `#63266`'),
  exercised: number.describe('How often the run exercised it'),
  exercised_wanted: number.describe('How often it must, or the verdict is `unknown`'),
  exercised_by: text.describe('What is counted, in the plural'),
  aimed: z
    .boolean()
    .describe('Whether the scenario set out to exercise it: only then does `unknown` count against the run'),
  violations: whole,
  first: VIOLATION.nullable(),
  worst: VIOLATION.nullable(),
  last: VIOLATION.nullable(),
  variants: z.record(text, number).optional().describe('How many violations were of which variant'),
  why_unknown: maybeText.describe('Why the verdict is `unknown`, or null'),
});

const assumption = z
  .object({ name: text, claim: text, verdict: VERDICT, sentence: text })
  .describe('A precondition of judging. Without it the run cannot pass; `unknown`: it could not be checked');

const threshold = z
  .object({ metric: text, expression: text, verdict: VERDICT, value: maybe })
  .describe("As the scenario states it, in k6's syntax: `http_req_duration{operation:heartbeat}` and `p(95)<200`");

const deadlockSide = z
  .object({
    pid: whole,
    process: text,
    statement: text,
    action: maybeText.describe(
      'What it was doing, in words that follow its name: `gives unfinished tasks the new DAG version`',
    ),
    subject: maybeText.describe('For what: `dag/run/task[map_index]`, or `dag/run`'),
    operation: maybeWhole.describe('`operations.op` of the request that it served'),
    xid: maybeWhole,
    xact_started_ms: maybe,
    lock: maybeText.describe("In PostgreSQL's words"),
    waits_for: maybeText.describe("The row in Airflow's words"),
    blocked_by: maybeWhole.describe('The pid that held it'),
    waited_from_ms: maybe,
  })
  .describe('One process in a deadlock. Null: neither a statement, nor a commit, nor the lock sampler shows it');

const deadlockOutcome = z
  .object({
    status: maybeWhole,
    answered_ms: maybe,
    retry_operation: maybeWhole.describe("The client's next sending of it"),
    retry_ms: maybe,
    retry_status: maybeWhole,
    state: maybeText.describe('The state that the task instance was given next; null: none was recorded'),
    state_ms: maybe,
    commit: maybeWhole,
  })
  .describe('What became of the request that a deadlock failed');

const deadlock = z.object({
  at_ms: number,
  sides: z.array(deadlockSide).describe('Both (or more) sides, the victim first'),
  fingerprint: text.describe("The same for one kind: the processes' roles and the statements without their literals"),
  operation: maybeWhole.describe('`operations.op` of the request that got the 5xx, if one was found'),
  explained: z.boolean().describe('Every side has a process, an action and a subject'),
  outcome: deadlockOutcome.nullable(),
  died_ms: maybe.describe("When the victim's process died of it; null if it survived"),
  left_out: whole.describe('On the last one of a kind that is listed: how many more of that kind followed. Else 0'),
});

const refusalCount = z
  .object({
    status: whole,
    kind: text,
    reason: text,
    found_state: text,
    replay: z
      .boolean()
      .describe('The client had sent the same request before without a response: that one may have been carried out'),
    count: whole,
  })
  .describe('One kind of refusal, by operation, reason and the state that the server found');

export const CONFLICT = z
  .object({
    kind: text,
    found_state: text.describe("The response's `current_state` or `previous_state`; empty: it names none"),
    reason: text,
    count: whole,
    per_minute: maybe.describe('`count` per minute of load; null: there was no load'),
    violations: whole.describe('How many of them a violation of an invariant caused, by their class'),
  })
  .describe('How often requests of one kind were refused with 409 because of one state that the server found');

const answerClass = z
  .object({
    status: whole,
    kind: text,
    reason: text,
    found_state: text,
    class: text,
    count: whole,
    example: whole.describe('`operations.op` of the first of them'),
    explanation: text.describe('Of the example'),
    cause_operation: maybeWhole.describe('The request that caused the example, where there is one'),
    cause_commit: maybeWhole.describe('The commit that caused it, where there is one'),
  })
  .describe('Why requests were answered 4xx or 5xx, by request, response and class. The classes: docs/verdict.md');

const latency = z
  .object({ kind: text, count: whole, p50_ms: number, p95_ms: number, p99_ms: number, max_ms: number })
  .describe('Milliseconds from the intended start of the request to its end');

const measures = z
  .object({
    tasks_per_second: maybe.describe('Task instances that came to an end state, per second of load'),
    cpu_s_per_task: maybe.describe('CPU seconds of all processes of the stack, PostgreSQL included, for each of those'),
    memory_bytes: maybe.describe("Peak resident memory of Airflow's processes, without PostgreSQL"),
    lock_waits: maybe.describe('How many PostgreSQL backends waited for a lock at a time, on average'),
  })
  .describe('What the stack did during the load, and what it cost. Null: not sampled');

const timelinePoint = z.object({
  second: whole,
  requests: whole,
  http_409: whole,
  http_5xx: whole,
  deadlocks: whole,
  live: maybe,
});

const judgedSighting = z
  .object({
    kind: text,
    at_ms: number,
    said_ms: number,
    name: text,
    sentence: text,
    taken_back: maybeText.describe('Why the verdict does not confirm it; null: it does'),
  })
  .describe('What was said while the run lasted, as soon as the record showed it. All else here was judged afterwards');

export const JUDGEMENT = z.object({
  verdict: VERDICT,
  build: text,
  scenario: text,
  seed: whole,
  executor_behaviour: z
    .enum(EXECUTOR_BEHAVIOURS)
    .optional()
    .describe("Which of Airflow's executors the hand-off executor behaved like. Absent: `calm`, like none"),
  run: text.describe('The run folder'),
  rules: text
    .optional()
    .describe('A hash of the invariants and known races by which it was judged. Absent in older verdicts'),
  findings: z.array(FINDING).describe('What broke, grouped by cause: the first is the one to read first'),
  findings_left_out: maybeText.describe('What is not among them and why, in a sentence; null: nothing'),
  invariants: z.array(INVARIANT),
  assumptions: z.array(assumption),
  thresholds: z.array(threshold),
  counts: z.record(text, number),
  refusals: z.array(refusalCount),
  conflicts: z.array(CONFLICT).optional().describe('Absent in verdicts from before they were counted'),
  classes: z.array(answerClass),
  latency: z.array(latency),
  deadlocks: z.array(deadlock),
  first_violation_s: maybe.describe('Seconds from the start of the load; null if there was none'),
  harness_cpu_share: maybe.describe("Share of the machine's CPU that the harness used during the load, 0 to 1"),
  load_seconds: number,
  measures: measures.optional().describe('Absent in verdicts from before they were measured'),
  timeline: z.array(timelinePoint).describe('Per second of load'),
  over_time: OVER_TIME,
  faults: z.array(FAULT_EFFECT).describe('The first windows of damage, at most 500, and the load around each'),
  harness: HARNESS_COST,
  sightings: z.array(judgedSighting).optional().describe('Absent where nothing was said'),
  episodes: z.array(EPISODE).optional().describe('Of a replay: each playing of its script. Absent of all other runs'),
  known: KNOWN_RESULT.optional().describe('Absent without `--known`; its verdict is then the exit code’s'),
});

/** A run that had load and in which all assumptions hold: only such a run shows that an invariant holds. */
export function isValidRun({ load_seconds, assumptions }: Pick<Judgement, 'load_seconds' | 'assumptions'>): boolean {
  return load_seconds > 0 && assumptions.every(({ verdict }) => verdict === 'pass');
}

/** Whether something keeps a run without a violation from being a pass. */
export function isInDoubt({
  assumptions,
  thresholds,
  invariants,
}: Pick<Judgement, 'assumptions' | 'thresholds' | 'invariants'>): boolean {
  return (
    assumptions.some(({ verdict }) => verdict !== 'pass') ||
    thresholds.some(({ verdict }) => verdict === 'unknown') ||
    invariants.some(({ verdict, aimed }) => aimed && verdict === 'unknown')
  );
}

export type Verdict = z.infer<typeof VERDICT>;
export type Judgement = Plain<typeof JUDGEMENT>;
export type InvariantResult = Plain<typeof INVARIANT>;
export type AssumptionResult = Plain<typeof assumption>;
export type ThresholdResult = Plain<typeof threshold>;
export type Deadlock = Plain<typeof deadlock>;
export type DeadlockSide = Plain<typeof deadlockSide>;
export type DeadlockOutcome = Plain<typeof deadlockOutcome>;
export type RefusalCount = Plain<typeof refusalCount>;
export type ConflictCount = Plain<typeof CONFLICT>;
export type AnswerClass = Plain<typeof answerClass>;
export type RunMeasures = Plain<typeof measures>;
export type LatencySummary = Plain<typeof latency>;
export type JudgedSighting = Plain<typeof judgedSighting>;
export type TimelinePoint = Plain<typeof timelinePoint>;
