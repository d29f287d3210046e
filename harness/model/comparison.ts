import type { Verdict } from './verdict.ts';

export type Decision = 'better' | 'worse' | 'no difference seen' | 'cannot say';

/** Two builds beside each other: what `windtunnel compare --json` prints and `compare.json` holds. */
export interface Comparison {
  /** `fail`: B is worse. `unknown`: these runs cannot say. `pass`: B is better, or no difference was seen. */
  readonly verdict: Verdict;
  readonly decision: Decision;
  /** The decision and what it rests on, for people. */
  readonly sentence: string;
  /** What a reader should know before believing the sentence, such as different scenarios on the two sides. */
  readonly caveats: readonly string[];
  readonly a: ComparisonSide;
  readonly b: ComparisonSide;
  /** Only what differs: invariants with two verdicts, counts that chance does not explain. */
  readonly differences: readonly Difference[];
  /** Every count that was tested, different or not; `differences` repeats those that differ. */
  readonly tests: readonly CountDifference[];
}

export interface ComparisonSide {
  readonly build: string;
  readonly scenario: string;
  /** The worst verdict of its runs. */
  readonly verdict: Verdict;
  readonly runs: readonly ComparedRun[];
  /** Of all runs together. */
  readonly load_seconds: number;
  readonly invariants: readonly ComparedInvariant[];
  readonly assumptions: readonly { readonly name: string; readonly verdict: Verdict }[];
  /** Sums over the runs. */
  readonly counts: Readonly<Record<string, number>>;
  /** The earliest of its runs. */
  readonly first_violation_s: number | null;
  /** The largest of its runs. */
  readonly harness_cpu_share: number | null;
}

export interface ComparedRun {
  readonly run: string;
  readonly seed: number;
  readonly verdict: Verdict;
  readonly load_seconds: number;
  readonly first_violation_s: number | null;
  readonly counts: Readonly<Record<string, number>>;
}

export interface ComparedInvariant {
  readonly name: string;
  readonly claim: string;
  /** `fail` if any run broke it; `pass` if a run that may be believed kept it and none broke it. */
  readonly verdict: Verdict;
  readonly aimed: boolean;
  readonly violations: number;
  readonly chances: number;
}

export type Difference = InvariantDifference | CountDifference;

export interface InvariantDifference {
  readonly kind: 'invariant';
  readonly name: string;
  readonly a: Verdict;
  readonly b: Verdict;
  readonly a_violations: number;
  readonly b_violations: number;
  /** The side that does better, or null where one side was not put to the test. */
  readonly better: 'a' | 'b' | null;
  /** How often chance alone would part the two counts of violations so far; null if one side gave no chance. */
  readonly p_value: number | null;
  readonly sentence: string;
}

export interface CountDifference {
  readonly kind: 'count';
  /** `deadlocks`, `http_5xx`, `http_409{operation:rtif}`, `violations{invariant:…}`. */
  readonly name: string;
  /** The same for people: `5xx answers`, `rtif 409s`. */
  readonly title: string;
  readonly a: number;
  readonly b: number;
  readonly a_exposure: number;
  readonly b_exposure: number;
  readonly exposure_unit: 's' | 'operations';
  /** Whether more of it is worse. A refusal that is the right answer is tested and shown, and decides nothing. */
  readonly decides: boolean;
  readonly better: 'a' | 'b' | null;
  /** Exact, conditional, two-sided: twice the smaller tail. */
  readonly p_value: number;
  /** The same after Holm's correction for all counts tested. */
  readonly p_adjusted: number;
  /** Rate of B over rate of A; null if A has none. */
  readonly ratio: number | null;
  /** Exact 95 % interval of the ratio, not corrected; null above means without limit. Null if there are none at all. */
  readonly interval: readonly [number, number | null] | null;
  /** How much more the runs of a side vary than chance allows: 1 is chance alone, or a single run a side. */
  readonly dispersion: number;
  /** The smallest count of B that would have been told from A's, after correction for all counts tested. */
  readonly smallest_count_seen: number;
  readonly sentence: string;
}
