import { z } from 'zod';

import { KNOWN_RESULT, type KnownResult } from './known.ts';
import type { Manifest } from './manifest.ts';
import { PLAN, type Plan } from './scenario.ts';
import { maybe, maybeText, maybeWhole, number, text, whole } from './schema.ts';
import type { Verdict } from './verdict.ts';

/** Of `soak.json`. */
export const SOAK_FORMAT = 1;

/**
 * `soak.json`, the index of a soak: windows of load, one after another on a stack that stays up, each a run folder that
 * is judged while the next one runs. Replaced in one step at each change. Documented in docs/soak.md.
 */
export interface Soak {
  readonly format: number;
  readonly id: string;
  readonly subject: { readonly build: string } | { readonly target: string };
  /** Of a window, but for its seed and its faults, which come from this seed and the window's number. */
  readonly plan: Plan;
  /** Who plays the workers of each window; absent in those of older versions. */
  readonly engine?: EngineFlags;
  /** The folder of the user's own invariants; absent without one. */
  readonly invariants?: string;
  /** The file of known findings as it was named; the folder has a copy, `known.yaml`. Absent without one. */
  readonly known_file?: string;
  readonly windows_planned: number;
  readonly keep: Keep;
  readonly started_at: string;
  readonly state: 'running' | 'completed' | 'stopped' | 'interrupted' | 'stack-failed';
  /** Why it ended before its time, or null. */
  readonly why: string | null;
  /** Of the windows that are judged; with `state` completed of the whole. */
  readonly verdict: Verdict;
  /** All windows as one, compared with the known findings: its verdict is then the exit code's. */
  readonly known?: KnownResult;
  /** Invariants that the scenario aims at and no window has exercised so far. */
  readonly never_tested: readonly string[];
  /** One for each start of the harness: the first, and each `--resume`. */
  readonly sessions: readonly SoakSessionEntry[];
  readonly gaps: readonly SoakGap[];
  readonly windows: readonly SoakWindow[];
  readonly drift: readonly Drift[];
}

export interface Keep {
  /** So many of the newest windows without a violation stay whole. */
  readonly windows: number;
  /** Bytes that all windows together may take. */
  readonly bytes: number;
}

export interface SoakSessionEntry {
  readonly number: number;
  readonly started_at: string;
  /** The process: a soak that is still running cannot be resumed. */
  readonly harness: { readonly pid: number; readonly born: string };
  /** Versions as the stack reported them; null until it was up. */
  readonly identity: Readonly<Record<string, string>> | null;
}

/** A time without load between two sessions. */
export interface SoakGap {
  /** The last thing that was written down before, and the start of the session after it; ISO 8601. */
  readonly from: string;
  readonly to: string;
  /** The window that was under way; null where it fell between two. */
  readonly window: number | null;
}

export interface SoakWindow {
  readonly number: number;
  /** 1; more if an earlier attempt was broken off and the plan repeated. */
  readonly attempt: number;
  readonly session: number;
  readonly seed: number;
  /** The run folder, relative to the soak's. */
  readonly folder: string;
  readonly started_at: string;
  /** Null while it runs. `broken-off`: the harness was killed. */
  readonly ended: Manifest['ended'] | 'broken-off';
  /** Seconds without load before it, since the window before; null for the first of a session. */
  readonly seam_s: number | null;
  /** Null until it is judged. */
  readonly judged: JudgedWindow | null;
  /** Its size on disk, and whether its tables are still there. */
  readonly bytes: number;
  readonly whole: boolean;
  /** At its end, by metric: see `Drift`. */
  readonly readings: Readonly<Record<string, number>>;
}

/** What the index keeps of a window's verdict. */
export interface JudgedWindow {
  readonly verdict: Verdict;
  /** Violations by invariant, and the violated thresholds, `deadlocks: count<1`. */
  readonly broken: Readonly<Record<string, number>>;
  readonly thresholds_broken: readonly string[];
  /** Invariants that the scenario aims at: exercised and not violated; and not exercised. */
  readonly kept: readonly string[];
  readonly untested: readonly string[];
  /** Why the window is in doubt: its failed assumptions, or that judging itself failed. */
  readonly doubts: readonly string[];
  readonly findings: readonly string[];
  /** With known findings: the names of those that are new. */
  readonly new?: readonly string[];
  readonly load_s: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Requests refused with 409, by request and state found: `heartbeat SKIPPED`. Absent in those of older versions. */
  readonly conflicts?: Readonly<Record<string, number>>;
  readonly seconds_to_judge: number;
}

/** The trend of one number over the windows of a soak: Mann and Kendall's test, Theil and Sen's slope. */
export interface Drift {
  /** `harness.heap_bytes`, `stack.memory_bytes`, `latency.heartbeat.p95_ms`, `table.task_instance.bytes`. */
  readonly metric: string;
  /** Windows that it is read from: each session without its warm-up. */
  readonly windows: number;
  /** Change an hour, in the metric's own unit; null with fewer than two windows. */
  readonly per_hour: number | null;
  /** The same times the hours of the soak, as a share of the median; null where that is 0. */
  readonly change: number | null;
  /** Two-sided, Holm's correction over all metrics; null if there are too few windows to detect a trend. */
  readonly p_value: number | null;
  readonly trend: 'rises' | 'falls' | 'none seen' | 'too few windows';
}

/** Which engine plays the workers, as the command line has it and a soak keeps it; empty: the native one. */
export interface EngineFlags {
  readonly engine?: string | undefined;
  readonly vus?: number | undefined;
  readonly k6Processes?: number | undefined;
  readonly workerListen?: string | undefined;
  readonly realWorkers?: number | undefined;
}

const VERDICTS = ['pass', 'fail', 'unknown'] as const satisfies readonly Verdict[];
const texts = z.array(text);
const numbers = z.record(text, number);

const JUDGED: Readonly<Record<keyof JudgedWindow, z.ZodType>> = {
  verdict: z.enum(VERDICTS),
  broken: numbers,
  thresholds_broken: texts,
  kept: texts,
  untested: texts,
  doubts: texts,
  findings: texts,
  new: texts.optional(),
  load_s: number,
  counts: numbers,
  conflicts: numbers.optional(),
  seconds_to_judge: number,
};

const WINDOW: Readonly<Record<keyof SoakWindow, z.ZodType>> = {
  number: whole.positive(),
  attempt: whole.positive(),
  session: whole.positive(),
  seed: whole,
  // It is read, reduced and removed.
  folder: text.regex(/^windows[/\\]\d{4,}(-\d+)?$/, 'must be a folder of windows/'),
  started_at: text,
  ended: z.enum(['completed', 'interrupted', 'stack-failed', 'broken-off']).nullable(),
  seam_s: maybe,
  judged: z.looseObject(JUDGED).nullable(),
  bytes: number,
  whole: z.boolean(),
  readings: numbers,
};

const DRIFT: Readonly<Record<keyof Drift, z.ZodType>> = {
  metric: text,
  windows: number,
  per_hour: maybe,
  change: maybe,
  p_value: maybe,
  trend: z.enum(['rises', 'falls', 'none seen', 'too few windows']),
};

const STATED: Readonly<Record<keyof Soak, z.ZodType>> = {
  format: whole,
  id: text,
  subject: z.union([z.strictObject({ build: text }), z.strictObject({ target: text })]),
  plan: PLAN,
  engine: z
    .looseObject({
      engine: text.optional(),
      vus: number.optional(),
      k6Processes: number.optional(),
      workerListen: text.optional(),
    })
    .optional(),
  invariants: text.optional(),
  known_file: text.optional(),
  known: KNOWN_RESULT.optional(),
  windows_planned: whole.positive(),
  keep: z.looseObject({ windows: whole.nonnegative(), bytes: number.nonnegative() }),
  started_at: z.iso.datetime(),
  state: z.enum(['running', 'completed', 'stopped', 'interrupted', 'stack-failed']),
  why: maybeText,
  verdict: z.enum(VERDICTS),
  never_tested: texts,
  sessions: z.array(
    z.looseObject({
      number: whole,
      started_at: z.iso.datetime(),
      harness: z.looseObject({ pid: whole.positive(), born: text }),
      identity: z.record(text, text).nullable(),
    }),
  ),
  gaps: z.array(z.looseObject({ from: text, to: text, window: maybeWhole })),
  windows: z.array(z.looseObject(WINDOW)),
  drift: z.array(z.looseObject(DRIFT)),
};

/** A soak that is resumed: it comes from a file of unknown origin. */
export const SOAK = z.looseObject(STATED);
