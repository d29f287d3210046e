import type { Finding } from './finding.ts';
import type { FaultEffect, HarnessCost, OverTime } from './over-time.ts';

/** Three answers, everywhere. A run that did not exercise an invariant enough is `unknown`, never `pass`. */
export type Verdict = 'pass' | 'fail' | 'unknown';

const RANK: Record<Verdict, number> = { pass: 0, unknown: 1, fail: 2 };

/** A broken promise outweighs doubt, doubt outweighs a kept promise. */
export function worst(verdicts: Iterable<Verdict>): Verdict {
  let result: Verdict = 'pass';
  for (const verdict of verdicts) if (RANK[verdict] > RANK[result]) result = verdict;
  return result;
}

/** One counterexample to an invariant. */
export interface Violation {
  /** On the run's clock. */
  readonly at_ms: number;
  /** What it happened to: `dag/run/task[map_index]`, a DAG, a backfill. */
  readonly subject: string;
  /** Which of the ways to break the promise it was, such as `skip-downstream`: known races are told apart by it. */
  readonly variant?: string;
  /** How bad among its kind; the largest is shown as "worst". */
  readonly severity: number;
  /** A sentence that a user of Airflow understands. */
  readonly sentence: string;
  /** `operations.op` and `commits.seq` of the rows that prove it. */
  readonly operations: readonly number[];
  readonly commits: readonly number[];
}

export interface InvariantResult {
  readonly name: string;
  readonly claim: string;
  readonly verdict: Verdict;
  /** Issue numbers of the known races it catches, such as `#63266`; empty if none. */
  readonly known_issues: readonly string[];
  /** How often the run exercised it, how often it must, and what is counted, in the plural. */
  readonly exercised: number;
  readonly exercised_wanted: number;
  readonly exercised_by: string;
  /** Whether the scenario set out to exercise it: only then does `unknown` count against the run. */
  readonly aimed: boolean;
  readonly violations: number;
  readonly first: Violation | null;
  readonly worst: Violation | null;
  readonly last: Violation | null;
  /** How many violations were of which variant. */
  readonly variants?: Readonly<Record<string, number>>;
  /** Why the verdict is `unknown`, or null. */
  readonly why_unknown: string | null;
}

/** A precondition of judging. `unknown` when it could not be told; either way the run cannot pass. */
export interface AssumptionResult {
  readonly name: string;
  readonly claim: string;
  readonly verdict: Verdict;
  readonly sentence: string;
}

export interface ThresholdResult {
  /** As the scenario states it, in k6's words: `http_req_duration{operation:heartbeat}` and `p(95)<200`. */
  readonly metric: string;
  readonly expression: string;
  readonly verdict: Verdict;
  readonly value: number | null;
}

/** One process in a deadlock. Null is what neither a statement, nor a commit, nor the sampler of locks tells. */
export interface DeadlockSide {
  readonly pid: number;
  readonly process: string;
  readonly statement: string;
  /** What it was doing, in words that follow its name: `gives unfinished tasks the new DAG version`. */
  readonly action: string | null;
  /** For what: `dag/run/task[map_index]`, or `dag/run`. */
  readonly subject: string | null;
  /** `operations.op` of the request that it served. */
  readonly operation: number | null;
  readonly xid: number | null;
  readonly xact_started_ms: number | null;
  /** The lock in PostgreSQL's words, the row in Airflow's, and whose it was. */
  readonly lock: string | null;
  readonly waits_for: string | null;
  readonly blocked_by: number | null;
  readonly waited_from_ms: number | null;
}

/** What came of the request that a deadlock failed. */
export interface DeadlockOutcome {
  readonly status: number | null;
  readonly answered_ms: number | null;
  /** The client's next sending of it. */
  readonly retry_operation: number | null;
  readonly retry_ms: number | null;
  readonly retry_status: number | null;
  /** The state that the task instance was given next, and the commit; null if the record has none. */
  readonly state: string | null;
  readonly state_ms: number | null;
  readonly commit: number | null;
}

/** One deadlock that PostgreSQL reported. */
export interface Deadlock {
  readonly at_ms: number;
  /** Both (or more) sides, the victim first. */
  readonly sides: readonly DeadlockSide[];
  /** The same for deadlocks of one kind: the processes' roles and the statements without their literals. */
  readonly fingerprint: string;
  /** `operations.op` of the request that got the 5xx, if one was found. */
  readonly operation: number | null;
  /** Every side has a name, a deed and a subject. */
  readonly explained: boolean;
  readonly outcome: DeadlockOutcome | null;
  /** When the victim's process died of it; null if it lived. */
  readonly died_ms: number | null;
  /** On the last one of a kind that is listed: how many more of that kind came after it. Else 0. */
  readonly left_out: number;
}

/** One kind of refusal: 409s counted by operation, reason and the state the server found. */
export interface RefusalCount {
  readonly status: number;
  readonly kind: string;
  readonly reason: string;
  readonly found_state: string;
  /** The client had sent the same request before and got no answer: the server may have carried that one out. */
  readonly replay: boolean;
  readonly count: number;
}

/** Why requests were answered 4xx or 5xx: those of one request, answer and class. The classes: docs/verdict.md. */
export interface AnswerClass {
  readonly status: number;
  readonly kind: string;
  readonly reason: string;
  readonly found_state: string;
  readonly class: string;
  readonly count: number;
  /** `operations.op` of the first of them, and what is known of it. */
  readonly example: number;
  readonly explanation: string;
  /** The request and the commit that brought the example about, where there is one. */
  readonly cause_operation: number | null;
  readonly cause_commit: number | null;
}

/** What `windtunnel check --json` prints and `verdict.json` holds. Documented in docs/verdict.md. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly build: string;
  readonly scenario: string;
  readonly seed: number;
  /** The run folder. */
  readonly run: string;
  /** What broke, grouped by cause: the first is the one to read first. Empty where no promise was broken. */
  readonly findings: readonly Finding[];
  /** What is not among them and why, in a sentence; null: nothing. */
  readonly findings_left_out: string | null;
  readonly invariants: readonly InvariantResult[];
  readonly assumptions: readonly AssumptionResult[];
  readonly thresholds: readonly ThresholdResult[];
  readonly counts: Readonly<Record<string, number>>;
  readonly refusals: readonly RefusalCount[];
  readonly classes: readonly AnswerClass[];
  readonly latency: readonly LatencySummary[];
  readonly deadlocks: readonly Deadlock[];
  /** Seconds from the start of the load to the first violation; null if there was none. */
  readonly first_violation_s: number | null;
  /** Share of the machine's CPU that the harness itself used during the load, 0 to 1; null if not sampled. */
  readonly harness_cpu_share: number | null;
  readonly load_seconds: number;
  /** What the stack did and what it cost; absent in verdicts of before they were read. */
  readonly measures?: RunMeasures;
  /** Per second of load. */
  readonly timeline: readonly TimelinePoint[];
  /** What the charts draw. */
  readonly over_time: OverTime;
  /** The first windows of damage, and the load around each; at most 500. */
  readonly faults: readonly FaultEffect[];
  readonly harness: HarnessCost;
}

/** Of the stack over the load of one run; null: not sampled. */
export interface RunMeasures {
  /** Task instances that came to an end state, per second of load. */
  readonly tasks_per_second: number | null;
  /** CPU seconds of all its processes, PostgreSQL included, for each of those. */
  readonly cpu_s_per_task: number | null;
  /** Resident memory of Airflow's processes together at its highest, PostgreSQL not included. */
  readonly memory_bytes: number | null;
  /** How many PostgreSQL backends waited for a lock at a time, on average. */
  readonly lock_waits: number | null;
}

/** Milliseconds from the intended start of the request to its end. */
export interface LatencySummary {
  readonly kind: string;
  readonly count: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
}

export interface TimelinePoint {
  readonly second: number;
  readonly requests: number;
  readonly http_409: number;
  readonly http_5xx: number;
  readonly deadlocks: number;
  readonly live: number | null;
}
