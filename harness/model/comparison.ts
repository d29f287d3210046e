import type { Verdict } from './verdict.ts';

export type Decision = 'better' | 'worse' | 'no difference seen' | 'cannot say';

/**
 * Builds beside each other: what `windtunnel compare --json` prints and `compare.json` holds. A is the base, and each of
 * the others is held against it; `b`, `differences` and `tests` are those of the first of them.
 */
export interface Comparison {
  /** The worst of the pairs. `fail`: a build is worse than A. `unknown`: these runs cannot say. */
  readonly verdict: Verdict;
  /** Of the pair with that verdict. */
  readonly decision: Decision;
  /** The decision and what it rests on, for people; a sentence for each pair. */
  readonly sentence: string;
  /** What a reader should know before believing the sentence, such as different scenarios on the two sides. */
  readonly caveats: readonly string[];
  readonly a: ComparisonSide;
  readonly b: ComparisonSide;
  readonly differences: readonly Difference[];
  readonly tests: readonly CountDifference[];
  /** Each other build against A. */
  readonly pairs: readonly Against[];
  /** How many tests share the level of 5 % (Holm's correction), all pairs together. */
  readonly deciding_tests: number;
  /** By what factor a rate must rise for `runs_needed` to be asked. */
  readonly detect: number;
}

/** One build held against A. */
export interface Against {
  /** `B`, `C`, … */
  readonly letter: string;
  readonly verdict: Verdict;
  readonly decision: Decision;
  readonly sentence: string;
  readonly caveats: readonly string[];
  readonly b: ComparisonSide;
  /** Only what differs: promises broken on one side, counts and measures that chance does not explain. */
  readonly differences: readonly Difference[];
  /** Every count that was tested, different or not; `differences` repeats those that differ. */
  readonly tests: readonly CountDifference[];
  /** Every latency, throughput and cost that was compared; empty with fewer than three believed runs on a side. */
  readonly measures: readonly MeasureDifference[];
  readonly findings: readonly ComparedFinding[];
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

/** A cause of violations (`Finding`), by its fingerprint, on both sides. */
export interface ComparedFinding {
  readonly fingerprint: string;
  readonly title: string;
  readonly known_race: string | null;
  /** How often it struck, and in how many of the side's runs. */
  readonly a: { readonly occurrences: number; readonly runs: number };
  readonly b: { readonly occurrences: number; readonly runs: number };
}

export type Difference = InvariantDifference | CountDifference | MeasureDifference;

export interface InvariantDifference {
  readonly kind: 'invariant';
  readonly name: string;
  readonly a: Verdict;
  readonly b: Verdict;
  readonly a_violations: number;
  readonly b_violations: number;
  /** The side that does better; null where one side was not put to the test, or where chance could part them so far. */
  readonly better: 'a' | 'b' | null;
  /** How often chance alone would part the two counts of violations so far, corrected; null: one side gave no chance. */
  readonly p_value: number | null;
  readonly sentence: string;
}

export interface CountDifference {
  readonly kind: 'count';
  /** `deadlocks`, `http_5xx`, `http_409{operation:rtif,class:…}`, `violations{invariant:…}`. */
  readonly name: string;
  /** The same for people: `5xx answers`, `violations of no-deadlocks`. */
  readonly title: string;
  readonly a: number;
  readonly b: number;
  readonly a_exposure: number;
  readonly b_exposure: number;
  readonly exposure_unit: 's' | 'operations';
  /** Events of each run over its exposure. */
  readonly a_rates: readonly number[];
  readonly b_rates: readonly number[];
  /** Whether more of it is worse. What informs only (parts of a count, refusals that may be right) decides nothing. */
  readonly decides: boolean;
  /** For one that decides: the side with fewer, if chance does not explain it. */
  readonly better: 'a' | 'b' | null;
  /** Exact given the spread between runs, averaged over the spreads that these runs allow; two-sided. */
  readonly p_value: number;
  /** The same after Holm's correction for all tests that decide (or all that do not), of all pairs. */
  readonly p_adjusted: number;
  /** Rate of B over rate of A; null if A has none. */
  readonly ratio: number | null;
  /** 95 % interval of the ratio, not corrected; null above means without limit. Null if there are none at all. */
  readonly interval: readonly [number, number | null] | null;
  /** 95 % limits of each side's rate, over its exposure; not corrected. */
  readonly a_interval: readonly [number, number];
  readonly b_interval: readonly [number, number];
  /** By how much the rates of a build's runs vary around their mean, as a share of it: what the test allowed for. */
  readonly between_runs: number;
  /** The smallest count of B that would have been told from A's, after correction; null: none, however large. */
  readonly smallest_count_seen: number | null;
  /** Runs a side with which a rate `detect` times A's is seen 9 times in 10; null: over 100, or not asked. */
  readonly runs_needed: number | null;
  readonly sentence: string;
}

/** One value a run: a quantile of an operation's latency, a rate of work, a cost. */
export interface MeasureDifference {
  readonly kind: 'measure';
  /** `latency_p95{operation:heartbeat}`, `tasks_per_second`, `cpu_s_per_task`, `memory_bytes`, `lock_waits`. */
  readonly name: string;
  readonly title: string;
  readonly unit: 'ms' | '1/s' | 's' | 'bytes' | '';
  /** Geometric means over the runs, and the runs. */
  readonly a: number;
  readonly b: number;
  readonly a_runs: readonly number[];
  readonly b_runs: readonly number[];
  readonly decides: boolean;
  readonly better: 'a' | 'b' | null;
  readonly ratio: number;
  /** 95 %, by bootstrap over the runs, not corrected. */
  readonly interval: readonly [number, number];
  readonly p_value: number;
  readonly p_adjusted: number;
  /** The smallest factor that would have been told from 1, after correction. */
  readonly smallest_ratio_seen: number;
  readonly sentence: string;
}
