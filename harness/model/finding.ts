import type { Violation } from './verdict.ts';

/** Violations with one cause, told once: what happened, how often, to whom, and in which order. */
export interface Finding {
  /** `F1`, `F2`, … in the order of the reports of one run. */
  readonly id: string;
  /** The same for the same kind of cause in every run: eight hexadecimal digits. */
  readonly fingerprint: string;
  /** One sentence, without a full stop. */
  readonly title: string;
  /** The promise whose violation lies nearest to the cause, and its variant. */
  readonly root: { readonly invariant: string; readonly variant: string };
  readonly invariants: readonly BrokenInvariant[];
  /** A name of `KNOWN_RACES`; null: not known. */
  readonly known_race: string | null;
  /** How often the cause struck: violations that share evidence are one occurrence. */
  readonly occurrences: number;
  readonly violations: number;
  readonly first: FindingMoment;
  readonly worst: FindingMoment;
  readonly last: FindingMoment;
  /** The story of the worst occurrence; null for findings past the first `TIMELINES`. */
  readonly timeline: Timeline | null;
  readonly contrast: Contrast | null;
  /** Windows of damage that were open at one of its moments, or had just closed. */
  readonly faults: readonly FaultWindow[];
  /** What was left out, in a sentence, or null. */
  readonly left_out: string | null;
}

export interface BrokenInvariant {
  readonly name: string;
  readonly claim: string;
  readonly violations: number;
}

export interface FindingMoment extends Violation {
  readonly invariant: string;
}

/** Requests and commits in one order: causality first, then the clocks (harness/judge/findings/order.ts). */
export interface Timeline {
  /** The task instance, DAG or processes that it is about. */
  readonly subject: string;
  /** The moment of the violation on the run's clock: offsets count from here. */
  readonly at_ms: number;
  readonly entries: readonly TimelineEntry[];
  /** How many requests and commits of the same subject are not shown. */
  readonly left_out: number;
}

export interface TimelineEntry {
  readonly at_ms: number;
  /** From the violation; negative before it. */
  readonly offset_ms: number;
  /** Whose lane: `w-12`, `scheduler-1`, `api-execution-1`, an operator's name, `postgres`, `fault`. */
  readonly actor: string;
  /** `exchange`: a request and its answer, between which nothing else of the story happened. */
  readonly event: 'request' | 'answer' | 'exchange' | 'commit' | 'log' | 'fault';
  readonly what: string;
  /** Of a commit that changed a state. */
  readonly before: string | null;
  readonly after: string | null;
  /** Of an answer. */
  readonly outcome: 'ok' | 'refused' | 'unknown' | null;
  /** A change of the very task instance that the story is about, whose states make one line. */
  readonly of_subject: boolean;
  /** One of the rows that prove the violation. */
  readonly proves: boolean;
  /** `operations.op` or `commits.seq`. */
  readonly operation: number | null;
  readonly commit: number | null;
  /** Of a commit: `operations.op` of the request that did it, as far as that is known. */
  readonly by: number | null;
}

/** What was different about the victims. */
export interface Contrast {
  /** What is compared, in the plural: `tries`, `DAG runs`. */
  readonly unit: string;
  readonly victims: number;
  readonly others: number;
  /** At most three, each among those for whom the ones before hold; empty: nothing sets the victims apart. */
  readonly lines: readonly ContrastLine[];
}

export interface ContrastLine {
  readonly label: string;
  readonly victims: number;
  readonly of_victims: number;
  readonly others: number;
  readonly of_others: number;
  /** Fisher's exact test, one-sided, one victim an occurrence, times the number of differences that were looked at. */
  readonly p_value: number;
}

export interface FaultWindow {
  readonly fault: string;
  readonly victim: string;
  readonly opened_ms: number;
  /** Null: still open at the end. */
  readonly closed_ms: number | null;
  readonly detail: string | null;
  /** Occurrences that fell into it. */
  readonly occurrences: number;
}
