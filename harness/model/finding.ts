import { z } from 'zod';

import { maybe, maybeText, maybeWhole, number, type Plain, text, whole } from './schema.ts';

/** Violations, and what explains them. A part of the schema of `verdict.json`, which the types are made of. */

export const VIOLATION = z.object({
  at_ms: number.describe("On the run's clock"),
  subject: text.describe('The object of it: `dag/run/task[map_index]`, a DAG, a backfill'),
  variant: text
    .optional()
    .describe('Which of the ways to violate the invariant it was, such as `skip-downstream`; known races have theirs'),
  severity: number.describe('Comparable among violations of one invariant; the largest is shown as "worst"'),
  sentence: text.describe('For users of Airflow'),
  operations: z.array(whole).describe('`operations.op` of the rows that prove it'),
  commits: z.array(whole).describe('`commits.seq` of the rows that prove it'),
});

const moment = VIOLATION.extend({ invariant: text });

const timelineEntry = z.object({
  at_ms: number,
  offset_ms: number.describe('From the violation; negative before it'),
  actor: text.describe("`w-12`, `scheduler-1`, `api-execution-1`, an operator's name, `postgres`, `fault`"),
  event: z
    .enum(['request', 'answer', 'exchange', 'commit', 'log', 'fault'])
    .describe('`exchange`: a request and its response, with nothing else of the timeline between them'),
  what: text,
  before: maybeText.describe('State before a commit that changed it'),
  after: maybeText.describe('State after a commit that changed it'),
  outcome: z.enum(['ok', 'refused', 'unknown']).nullable().describe('Of a response'),
  of_subject: z.boolean().describe('A change of the task instance that the timeline is about'),
  proves: z.boolean().describe('One of the rows that prove the violation'),
  operation: maybeWhole.describe('`operations.op`'),
  commit: maybeWhole.describe('`commits.seq`'),
  by: maybeWhole.describe('Of a commit: `operations.op` of the request that made it, if that is known'),
});

const timeline = z
  .object({
    subject: text.describe('The task instance, DAG or processes that it is about'),
    at_ms: number.describe("The moment of the violation on the run's clock: offsets count from here"),
    entries: z.array(timelineEntry),
    left_out: whole.describe('How many requests and commits of the same subject are not shown'),
  })
  .describe('Requests and commits in one order: causality first, then the clocks');

const contrastLine = z.object({
  label: text,
  victims: whole,
  of_victims: whole,
  others: whole,
  of_others: whole,
  p_value: number.describe("Fisher's exact test, one-sided, one victim an occurrence, times the number of tests"),
});

const contrast = z
  .object({
    unit: text.describe('What is compared, in the plural: `tries`, `DAG runs`'),
    victims: whole,
    others: whole,
    lines: z
      .array(contrastLine)
      .describe('At most three, each among those with the differences before it; empty: no difference was found'),
  })
  .describe('What was different about the victims');

const faultWindow = z.object({
  fault: text,
  victim: text,
  opened_ms: number,
  closed_ms: maybe.describe('Null: still open at the end'),
  detail: maybeText,
  occurrences: whole.describe('How many fell into it'),
});

const brokenInvariant = z.object({ name: text, claim: text, violations: whole });

export const FINDING = z
  .object({
    id: text.describe('`F1`, `F2`, … in the order of the reports of one run'),
    fingerprint: text.describe('The same for the same kind of cause in every run: eight hexadecimal digits'),
    title: text.describe('One sentence, without a full stop'),
    root: z
      .object({ invariant: text, variant: text })
      .describe('The invariant with the violation that is nearest to the cause, and its variant'),
    invariants: z.array(brokenInvariant),
    known_race: maybeText.describe('Its name; null: not known'),
    occurrences: whole.describe('How often the cause occurred: violations that share evidence are one occurrence'),
    violations: whole,
    first: moment,
    worst: moment,
    last: moment,
    timeline: timeline.nullable().describe('Of the worst occurrence; null for all but the first findings'),
    contrast: contrast.nullable(),
    faults: z
      .array(faultWindow)
      .describe('Windows of damage that were open at one of its moments, or had just been closed'),
    worker_logs: z
      .array(text)
      .optional()
      .describe('Files in the run folder with the output of real workers in it, at most five; absent: of none'),
    left_out: maybeText.describe('What was left out, in a sentence, or null'),
  })
  .describe('Violations with one cause: what happened, how often, to which subjects, and in which order');

export type Violation = Plain<typeof VIOLATION>;
export type Finding = Plain<typeof FINDING>;
export type FindingMoment = Plain<typeof moment>;
export type BrokenInvariant = Plain<typeof brokenInvariant>;
export type Timeline = Plain<typeof timeline>;
export type TimelineEntry = Plain<typeof timelineEntry>;
export type Contrast = Plain<typeof contrast>;
export type ContrastLine = Plain<typeof contrastLine>;
export type FaultWindow = Plain<typeof faultWindow>;
