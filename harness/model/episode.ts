import { z } from 'zod';

import { maybeText, maybeWhole, number, type Plain, text, whole } from './schema.ts';

/** One playing of a script: a row of the table `episodes`. */
export interface EpisodeRow {
  readonly episode: number;
  /** As its file names it. */
  readonly race: string;
  readonly file: string;
  /** The script itself, or a control of it: what it leaves out. */
  /** The invariants that the order violates, and their variants, as JSON: the `breaks` of the file. */
  readonly breaks: string;
  readonly kind: (typeof EPISODE_KINDS)[number];
  readonly dag_id: string;
  readonly from_ms: number;
  /** When its steps had ended, and when its DAG run had. */
  readonly played_ms: number;
  readonly to_ms: number;
  /**
   * Whether its order came about: `excluded`, a lock forbids it; `not-reached`, a step did not come about; `absent`,
   * one that need not be there.
   */
  readonly ended: 'played' | 'excluded' | 'not-reached' | 'absent';
  /** The number of the step at which it ended otherwise; null if it was played. */
  readonly step: number | null;
  /** In one sentence; null if it was played. */
  readonly why: string | null;
  /** How long what was released last had been held, milliseconds; null without a hold. */
  readonly held_ms: number | null;
}

/** One step of an episode: a row of the table `steps`. */
export interface StepRow {
  readonly episode: number;
  readonly step: number;
  /** Of the file. */
  readonly line: number;
  readonly text: string;
  readonly began_ms: number;
  readonly ended_ms: number;
  /** What came of it: the answer, or who is held or blocked, in some words. */
  readonly result: string | null;
  /** Who was held, passed or blocked. */
  readonly process: string | null;
  readonly pid: number | null;
  /** Of that process. */
  readonly statement: string | null;
}

/** The kinds of episodes: a script, and what a control of it leaves out. */
export const EPISODE_KINDS = ['script', 'without-holds', 'hold-alone', 'without-last-cue'] as const;

const brokenHere = z.object({ invariant: text, variant: text, sentence: text, at_ms: number });

/** A judged episode: a part of `verdict.json`. */
export const EPISODE = z.object({
  episode: whole,
  race: text,
  file: text,
  kind: z.enum(EPISODE_KINDS).describe('`script`, or a control and what it leaves out'),
  outcome: z
    .enum(['broken', 'held', 'excluded', 'not-reached'])
    .describe('Whether the invariant was violated in it, held, or was not put to the test'),
  seconds: number,
  step: maybeWhole.describe('Where the order did not come about; null: it did'),
  why: maybeText,
  violations: z.array(brokenHere).describe('Of the invariants that the file names'),
  others: z.array(text).describe('Other invariants that were violated in it'),
});
export type JudgedEpisode = Plain<typeof EPISODE>;

/** What came of one file. */
export type ReplayOutcome = 'broken' | 'held' | 'excluded' | 'not-reached' | 'by-the-hold';
