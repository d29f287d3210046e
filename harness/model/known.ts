import { z } from 'zod';

import { maybe, maybeText, maybeWhole, number, type Plain, text, VERDICT, whole } from './schema.ts';

/** Known findings: what builds are expected to do, kept in a file, and what a run shows against it. docs/known.md. */

/** Of the file. */
export const KNOWN_FORMAT = 1;

const day = text.regex(/^\d{4}-\d\d-\d\d$/, 'must be a day like 2026-11-30');

const mark = z.strictObject({ invariant: text, variant: text });

const highest = z.strictObject({
  scenario: text,
  occurrences: whole.positive(),
  load_s: number.positive(),
});

/** A list without entries of the same key; `what` names one in the message. */
function unique<Entry extends z.ZodType>(entry: Entry, what: string, key: (one: z.infer<Entry>) => string) {
  return z.array(entry).superRefine((all, context) => {
    const first = new Map<string, number>();
    for (const [place, one] of all.entries()) {
      const before = first.get(key(one));
      if (before === undefined) first.set(key(one), place);
      else context.addIssue({ code: 'custom', path: [place], message: `is ${what} of entry ${before} again` });
    }
  });
}

const entry = z.strictObject({
  fingerprint: text.regex(/^[0-9a-f]{8}$/, 'must be eight hexadecimal digits, in quotes'),
  title: text.min(1),
  /** `#66734`, or a name; null: none was given yet. */
  name: maybeText,
  /** By hand: why it is accepted, and until when. */
  note: text.optional(),
  /** `airflow@3.2.1`, `airflow@3.1.8..3.2.1`, `airflow@3.2.0..` for all from there on, or any build by its name. */
  builds: z.array(text.min(1)).min(1),
  since: day,
  last_seen: day,
  /** In how many of the runs of these builds. */
  runs: whole.positive(),
  /** Invariants and variants that have shown it: by them it is recognized where its fingerprint is another. */
  marks: z.array(mark).min(1),
  /** The run with the highest rate, of each scenario; empty: no run could be trusted with a rate. */
  highest: unique(highest, 'the scenario', ({ scenario }) => scenario),
  /** Nights since then that exercised it, and in which it did not occur. */
  absent: z.array(day),
  /** In place of the file's. */
  expires_after: whole.positive().optional(),
});

const source = z.strictObject({
  id: text.min(1),
  build: text,
  scenario: text,
  night: day,
  /** 1, or the windows of a soak. */
  runs: whole.positive(),
  load_s: number.nonnegative(),
});

/** A file of known findings, as it is read. */
export const KNOWN_FILE = z.strictObject({
  format: z.literal(KNOWN_FORMAT),
  /** Nights that exercise a finding and in which it does not occur, after which it is gone. */
  expires_after: whole.positive(),
  findings: unique(entry, 'the fingerprint', ({ fingerprint }) => fingerprint),
  /** What it was made from: each run, or each soak. */
  sources: unique(source, 'the id', ({ id }) => id),
});

const status = z.enum(['new', 'worse', 'still there', 'gone', 'not seen', 'not exercised']);

const seenIn = z.object({ occurrences: whole, load_s: number });

const against = z
  .object({
    status: status.describe(
      '`new`: not in the file for this build; `worse`: at a significantly higher rate than ever; `gone`: not seen in ' +
        'the last `expires_after` nights that exercised it; `not seen`: not tonight',
    ),
    fingerprint: text,
    in_run: z.array(text).describe('`F1`, …: its ids in this run; empty: it did not occur, or of several runs'),
    title: text,
    name: maybeText.describe('As the file has it, else the known race'),
    seen: seenIn.describe('In this run, or in all valid runs; of a `new` one also in those that are not valid'),
    runs: whole.describe('How many runs or windows showed it'),
    highest: seenIn.nullable().describe('The highest rate in the file, of the same scenario'),
    since: maybeText.describe('The day on which it was first seen'),
    p_adjusted: maybe.describe('Of the count test against `highest`, after Holm’s correction; null: not tested'),
    absent: maybeWhole.describe('Nights without it, this one included; null: it occurred, or it is new'),
    sentence: text,
  })
  .describe('One finding: of the run, of the file, or of both');

/** A part of `verdict.json`, `soak.json` and `compare.json`. */
export const KNOWN_RESULT = z
  .object({
    file: text,
    verdict: VERDICT.describe('The exit code’s: `fail` only for what is new or worse, or for an exceeded threshold'),
    sentence: text,
    findings: z.array(against).describe('New first, then worse, still there, gone, not seen, not exercised'),
  })
  .describe('Compared with a file of known findings (`--known`)');

export type KnownFile = Plain<typeof KNOWN_FILE>;
export type KnownEntry = Plain<typeof entry>;
export type KnownMark = Plain<typeof mark>;
export type KnownSource = Plain<typeof source>;
export type HighestRate = Plain<typeof highest>;
export type KnownResult = Plain<typeof KNOWN_RESULT>;
export type KnownStatus = z.infer<typeof status>;
export type FindingAgainstKnown = Plain<typeof against>;
