import type pg from 'pg';

import type { NewRun } from './dags/create-run.ts';
import type { SerializedDag } from './dags/serialized-dag.ts';
import type { RunTask, Settler } from './scheduler/decisions.ts';

/**
 * The places where Airflow's answer to a race is decided, one member each. `normal.ts` holds the right answers; each
 * of `defects/` replaces one or two of them by what a release once did, by a remedy that was proposed, or by a slip of
 * another kind. Everything else in the reference stack is the same whatever is switched on.
 */
export interface Behaviour extends ApiBehaviour, SchedulerBehaviour {
  /**
   * Keeps the try that has ended in task_instance_history, under the id that it had, before the row gets a new one.
   * An unfinished state is kept as `failed`. Airflow: `TaskInstanceHistory.record_ti`.
   */
  archiveTry(tx: Tx, ti: TaskInstanceRow): Promise<void>;
}

export interface ApiBehaviour {
  /** SQL condition on `task_instance`: which of the named tasks a skip-downstream may set. */
  readonly skippable: string;
  /** Second lock of an end report, after `SELECT … FOR UPDATE OF task_instance` (airflow.md 1.4, step 3). */
  lockForState(tx: Tx, id: string): Promise<void>;
  /** What an end report meets: carried out, known already (200), or refused (409). */
  judgeEnd(previous: string | null, requested: string): 'carry-out' | 'replay' | 'refuse';
  /** Whether this worker may start the task instance in the state that it is in. */
  mayStart(ti: TaskInstanceRow, worker: Worker): boolean;
  /** A start that comes again from the worker that runs the task already: its first answer was lost. */
  startAgain(tx: Tx, ti: TaskInstanceRow): Promise<void>;
  /** Keys of the results that earlier tries have left, which a starting worker is asked to delete. */
  xcomsToClear(tx: Tx, ti: TaskInstanceRow): Promise<readonly string[]>;
  /** One heartbeat; false if it was not this worker's to send, or the task does not run. */
  beat(db: Tx, id: string, worker: Worker): Promise<boolean>;
  /** Writes rendered fields; concurrent writers of one task instance must all succeed. */
  writeRenderedFields(tx: Tx, key: TaskKey, fields: unknown): Promise<void>;
  /** An event of an asset begins a run of each of these DAGs; in the transaction that made the event. */
  queueDags(tx: Tx, assetId: number, dagIds: readonly string[]): Promise<void>;
  /**
   * A task triggers a run of another DAG. `before`: what there is under the name of the run, which may be what the same
   * trigger made when it was sent before. False refuses it (409).
   */
  triggerRun(tx: Tx, dag: SerializedDag, run: NewRun, before: 'the same' | 'another' | undefined): Promise<boolean>;
  /** Work that belongs to an end report and is done in its transaction. */
  afterEnd(tx: Tx, ti: TaskInstanceRow, requested: string): Promise<void>;
  /**
   * An end report failed in the database after its row was locked. Nothing (`undefined`) leaves it to `failureReply`.
   */
  endFailed(failed: FailedEnd): Promise<Reply | undefined>;
  /** The answer to a request that failed in the server: 409 for a broken unique key, 503 if it may be sent again. */
  failureReply(error: unknown): Reply;
  /** Makes a request's work durable; the answer is sent when this resolves. */
  conclude(tx: Tx, request: { readonly kind: string; readonly reply: Reply }): Promise<void>;
  /** The answer for a task instance id that is not there; `archived`: it is the id of an earlier try. */
  missing(route: string, archived: boolean): Reply;
  /** Claims of the token that replaces one that is about to expire, or the queue's one at `/run`. */
  refreshedClaims(claims: Claims): Claims;
  /** Sees every request of a worker. */
  onRequest(request: { readonly path: string; readonly body: unknown }): void;
  /** Before it is asked whether a backfill of the DAG is active, in the transaction that then does the INSERT. */
  lockForBackfill(tx: Tx, dagId: string): Promise<void>;
  /** Between the INSERT of a backfill and the creation of its runs, in the transaction that did the INSERT. */
  publishBackfill(tx: Tx): Promise<void>;
  /** Before each run of a backfill is created, in the transaction that creates them. */
  beforeBackfillRun(tx: Tx, creation: { readonly backfillId: number; readonly ordinal: number }): Promise<void>;
  /** The runs of this backfill could not be created; the transaction that tried is rolled back. */
  backfillFailed(db: Tx, backfillId: number): Promise<void>;
}

export interface SchedulerBehaviour {
  /** SQL condition on `task_instance`: which of the instances that are ready may be set to SCHEDULED. */
  readonly schedulable: string;
  /** SQL expression over `task_instance`: the try number that scheduling gives. */
  readonly nextTryNumber: string;
  /** Whether a task instance that waits for its retry, or to be rescheduled, has to wait on. `now`: `Date.now()`. */
  isPremature(ti: RunTask, now: number): boolean;
  /** Whether a run may end that has so many unfinished task instances. */
  mayEnd(unfinished: number): boolean;
  /**
   * What decides, in a run in which nothing is ready, about every unfinished instance, also about one that a worker
   * runs: `DagRun._are_premature_tis`, which asks for all dependencies.
   */
  readonly settlesUnfinished: ReadonlySet<Settler>;
  /** Whether a run is created for this date of a DAG's schedule. */
  createsRun(dagId: string, logicalDate: Date): boolean;
  /**
   * Takes what is queued for a DAG that waits for assets, with the events that a run of it consumes. What is taken no
   * other scheduler takes.
   */
  takeAssetEvents(tx: Tx, dagId: string): Promise<TakenEvents>;
  /** The map indexes that a scheduled run gets of a task with so many values; -1 alone for one that is not mapped. */
  mapIndexes(values: number | undefined): readonly number[];
  /**
   * Between reading a run's task instances and writing what follows from them. Airflow computes here, for tens of
   * milliseconds a run; the run's row is locked by then.
   */
  betweenReadAndWrite(tx: Tx, ready: number): Promise<void>;
  /** Puts a run's unfinished task instances on a new version of their DAG; the scheduler holds the run's row. */
  assignDagVersion(tx: Tx, run: RunKey, dagVersionId: string): Promise<void>;
  /** How many more runs of a DAG (or of a backfill) may start. */
  startableRuns(limit: { readonly max: number; readonly running: number }): number;
  /** Whether one more task instance of a run may be queued. */
  hasRoom(run: { readonly max: number; readonly active: number }): boolean;
  /** The states in which an instance counts towards `max_active_tis_per_dag` and `max_active_tis_per_dagrun`. */
  readonly activeStates: ReadonlySet<string>;
  /** Whether one more instance of a task may be queued. */
  taskHasRoom(task: { readonly max: number; readonly active: number }): boolean;
  /** How many slots of a pool are free. */
  freeSlots(pool: { readonly name: string; readonly slots: number; readonly taken: number }): number;
  /**
   * SQL condition over `task_instance` and `job` (LEFT JOIN on queued_by_job_id): whose instances have lost their
   * scheduler.
   */
  readonly orphaned: string;
  /** Whether orphans are offered to the executor; if not, all of them are reset, as `BaseExecutor` has it. */
  readonly adopts: boolean;
  /** SQL condition over `task_instance`: those without a heartbeat for too long. */
  readonly silent: string;
  /** Whether a task without heartbeats is checked again before it is failed: one may have been accepted since. */
  readonly looksAgain: boolean;
  /** SQL condition over `task_instance`: which of those that were stuck in QUEUED may still be taken back. */
  readonly requeueable: string;
  /** SQL condition over `trigger`: which are deleted because no task instance waits for them. */
  readonly unusedTriggers: string;
  /** What the triggerer sets a deferred task to when its trigger has fired. */
  readonly resumedState: string;
  /** SQL condition over `dag_run` and `dag`: which running runs a scheduler looks at in this loop. */
  readonly examinable: string;
  /** SQL condition over `backfill`: which of those without unfinished runs are complete. */
  readonly backfillComplete: string;
  /** Whether the executor's event is about the try that the row holds. */
  concernsThisTry(event: ExecutorEvent, ti: TaskInstanceRow): boolean;
  /** Whether a try that a scheduler fails in this state goes to the history before the next one begins. */
  keepsFailed(state: string | null): boolean;
  /** Whether the executor knows which tries its workers are at: LocalExecutor does from 3.4 on. */
  readonly knowsWhatRuns: boolean;
  /**
   * Whether an executor's SUCCESS is taken for one about the part of the try before this one, which deferred or asked
   * to be called again.
   */
  isOfPartBefore(ti: NextPart): boolean;
  /** Whether a task that was cleared while it ran begins again from its beginning, also if a trigger had resumed it. */
  readonly beginsAgain: boolean;
  /** Executor events are looked at when they are this old. Milliseconds. */
  readonly eventDelayMs: number;
  /** How often a workload is sent to the workers. */
  deliveries(workload: { readonly dag_id: string; readonly task_id: string; readonly try_number: number }): number;
}

export interface TakenEvents {
  /** Assets with something in the queue. */
  readonly assetIds: readonly number[];
  /** Of the newest of it. */
  readonly queuedAt: Date | null;
  readonly eventIds: readonly number[];
}

/** A connection with an open transaction, or, where a parameter is called `db`, without one. */
export type Tx = pg.ClientBase;

export interface TaskKey {
  readonly dag_id: string;
  readonly task_id: string;
  readonly run_id: string;
  readonly map_index: number;
}

export type RunKey = Pick<TaskKey, 'dag_id' | 'run_id'>;

/** A row of `task_instance`, as far as the stack reads it. */
export interface TaskInstanceRow extends TaskKey {
  readonly id: string;
  readonly state: string | null;
  readonly try_number: number;
  readonly max_tries: number;
  readonly hostname: string | null;
  readonly unixname: string | null;
  readonly pid: number | null;
  readonly start_date: Date | null;
  readonly end_date: Date | null;
  readonly queued_by_job_id: number | null;
  readonly next_method: string | null;
  readonly queued_dttm: Date | null;
  readonly next_kwargs: unknown;
  readonly pool: string;
  readonly pool_slots: number;
  readonly dag_version_id: string | null;
}

/** What there is to see of a try that may be in its second part or a later one. */
export interface NextPart extends Pick<TaskInstanceRow, 'state' | 'next_method'> {
  readonly is_rescheduled: boolean;
}

export interface Worker {
  readonly hostname: string;
  readonly pid: number;
  /** Only for `/run`. */
  readonly unixname?: string;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FailedEnd {
  readonly error: unknown;
  /** The transaction that failed; PostgreSQL refuses everything in it but ROLLBACK. */
  readonly tx: Tx;
  /** Runs an action in a transaction of its own, on another connection. */
  inFreshTransaction<T>(action: (tx: Tx) => Promise<T>): Promise<T>;
  readonly id: string;
  readonly requested: string;
}

/** Claims of a worker's token; times in seconds since 1970. */
export interface Claims {
  /** The task instance's id. */
  readonly sub: string;
  /** `workload` opens `/run` only; `execution`, or none, everything else. */
  readonly scope?: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
}

export interface ExecutorEvent extends TaskKey {
  readonly try_number: number;
  readonly state: 'success' | 'failed';
  /** Not from its worker: it had no heartbeat for too long. */
  readonly silent: boolean;
  /** `Date.now()` when the executor received it. */
  readonly at: number;
}
