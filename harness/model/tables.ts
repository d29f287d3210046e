import { COPIED_NAMES } from './airflow/schema.ts';
import type { EpisodeRow, StepRow } from './episode.ts';
import type { Life, Operation } from './operation.ts';
import type { Sighting } from './sighting.ts';

/**
 * The tables of a run folder: the interface between the recorder, the judge, the reports and users' own SQL. Column
 * types are DuckDB's. `docs/run-folder.md` describes them for users; a test holds the two together.
 */
export const RUN_FORMAT = 3;

/** The name of a fault that no plan has: the database was away, crashed, or its disk was full. */
export const UNPLANNED_OUTAGE = 'unplanned-outage';

export type TableName = keyof typeof TABLES;

/** Columns for the rows of an interface: each of its fields and no other, with a type that can hold it. */
type ColumnsOf<Row> = { readonly [Column in keyof Row]-?: TypeFor<NonNullable<Row[Column]>> };
type TypeFor<Value> = [Value] extends [boolean]
  ? 'BOOLEAN'
  : [Value] extends [number]
    ? 'BIGINT' | 'INTEGER' | 'DOUBLE'
    : 'VARCHAR';

export const TABLES = {
  operations: {
    op: 'BIGINT',
    actor: 'VARCHAR',
    life: 'INTEGER',
    worker: 'VARCHAR',
    kind: 'VARCHAR',
    dag_id: 'VARCHAR',
    run_id: 'VARCHAR',
    task_id: 'VARCHAR',
    map_index: 'INTEGER',
    try_number: 'INTEGER',
    ti_id: 'VARCHAR',
    target: 'VARCHAR',
    attempt: 'INTEGER',
    duplicate_of: 'BIGINT',
    intended_ms: 'DOUBLE',
    sent_ms: 'DOUBLE',
    ended_ms: 'DOUBLE',
    outcome: 'VARCHAR',
    status: 'INTEGER',
    reason: 'VARCHAR',
    found_state: 'VARCHAR',
    requested: 'VARCHAR',
    message: 'VARCHAR',
    cause: 'VARCHAR',
    correlation_id: 'VARCHAR',
    retry_after: 'BOOLEAN',
  } satisfies ColumnsOf<Operation>,
  lives: {
    life: 'INTEGER',
    worker: 'VARCHAR',
    pid: 'INTEGER',
    ti_id: 'VARCHAR',
    dag_id: 'VARCHAR',
    run_id: 'VARCHAR',
    task_id: 'VARCHAR',
    map_index: 'INTEGER',
    try_number: 'INTEGER',
    scheduler: 'VARCHAR',
    handed_ms: 'DOUBLE',
    started_ms: 'DOUBLE',
    ended_ms: 'DOUBLE',
    end: 'VARCHAR',
    deliveries: 'INTEGER',
    duplicate_of: 'INTEGER',
    log: 'VARCHAR',
  } satisfies ColumnsOf<Life>,
  /** Committed row changes of the watched tables in commit order. `row` holds the remaining columns as JSON. */
  commits: {
    seq: 'BIGINT',
    xid: 'BIGINT',
    lsn: 'VARCHAR',
    committed_ms: 'DOUBLE',
    relation: 'VARCHAR',
    change: 'VARCHAR',
    id: 'VARCHAR',
    /** The primary key before the change, where the change moved it (a retry gives a task instance a new id). */
    old_id: 'VARCHAR',
    dag_id: 'VARCHAR',
    run_id: 'VARCHAR',
    task_id: 'VARCHAR',
    map_index: 'INTEGER',
    state: 'VARCHAR',
    try_number: 'INTEGER',
    backfill_id: 'BIGINT',
    row: 'JSON',
    /**
     * `application_name` of the process that wrote it (`wt-scheduler-1`, `wt-api-execution-1`, …); null if not known.
     */
    writer: 'VARCHAR',
    writer_pid: 'INTEGER',
    /** The first 240 characters of the writing statement; null if not known. */
    statement: 'VARCHAR',
  },
  server_log: {
    at_ms: 'DOUBLE',
    /** `postgres`, or the name of an Airflow process. */
    source: 'VARCHAR',
    pid: 'INTEGER',
    application_name: 'VARCHAR',
    xid: 'BIGINT',
    severity: 'VARCHAR',
    sqlstate: 'VARCHAR',
    message: 'VARCHAR',
    detail: 'VARCHAR',
    statement: 'VARCHAR',
    context: 'VARCHAR',
  },
  /** A window has a row when it opens, with no `closed_ms`, and another when it is closed: the view `fault_windows`. */
  faults: {
    fault: 'VARCHAR',
    victim: 'VARCHAR',
    opened_ms: 'DOUBLE',
    closed_ms: 'DOUBLE',
    detail: 'VARCHAR',
    window: 'INTEGER',
    cuts_connections: 'BOOLEAN',
    skews_clocks: 'BOOLEAN',
  },
  /** Readings in long form. `source` is a process name, `postgres`, `machine`, `harness` or `fleet`. */
  samples: {
    at_ms: 'DOUBLE',
    source: 'VARCHAR',
    metric: 'VARCHAR',
    value: 'DOUBLE',
  } satisfies ColumnsOf<Sample>,
  /** Which PostgreSQL backend served which process, as seen by the probe. */
  backends: {
    at_ms: 'DOUBLE',
    pid: 'INTEGER',
    application_name: 'VARCHAR',
  },
  /** Waits for locks, each once, as the sampler saw them; and the processes that block others without waiting. */
  lock_waits: {
    at_ms: 'DOUBLE',
    pid: 'INTEGER',
    application_name: 'VARCHAR',
    /** Null for one that is only waited for. */
    waiting_since_ms: 'DOUBLE',
    /** `ShareLock on transaction 900`, `ExclusiveLock on tuple`. */
    lock: 'VARCHAR',
    /** Pids, joined by a blank. */
    blocked_by: 'VARCHAR',
    xid: 'BIGINT',
    xact_started_ms: 'DOUBLE',
    relation: 'VARCHAR',
    /** The row's place, `(page,tuple)`, and its key. */
    row_id: 'VARCHAR',
    dag_id: 'VARCHAR',
    run_id: 'VARCHAR',
    task_id: 'VARCHAR',
    map_index: 'INTEGER',
    /** Of a long one its beginning and its end. */
    statement: 'VARCHAR',
  },
  /** Of a traced run: each statement of the stack's processes, in the order of the answers. */
  statements: {
    n: 'BIGINT',
    process: 'VARCHAR',
    pid: 'INTEGER',
    tx: 'INTEGER',
    place: 'INTEGER',
    kind: 'INTEGER',
    packet: 'INTEGER',
    sent_ms: 'DOUBLE',
    /** Null where the connection broke before there was an answer. */
    answered_ms: 'DOUBLE',
    row_count: 'BIGINT',
    sqlstate: 'VARCHAR',
    /** Of one that writes: the first 240 characters of its message, as `commits.statement`. */
    text: 'VARCHAR',
  },
  /** What the statements of a kind do. Lists are joined by a blank. */
  statement_kinds: {
    kind: 'INTEGER',
    verb: 'VARCHAR',
    target: 'VARCHAR',
    tables: 'VARCHAR',
    locks: 'VARCHAR',
    lock_mode: 'VARCHAR',
    waits: 'VARCHAR',
    counted: 'VARCHAR',
    set_columns: 'VARCHAR',
    where_columns: 'VARCHAR',
    upserts: 'BOOLEAN',
    text: 'VARCHAR',
  },
  /** Rows that a statement touched, by what is known of their keys. */
  accesses: {
    n: 'BIGINT',
    mode: 'VARCHAR',
    relation: 'VARCHAR',
    id: 'VARCHAR',
    dag_id: 'VARCHAR',
    run_id: 'VARCHAR',
    task_id: 'VARCHAR',
    map_index: 'INTEGER',
    ti_id: 'VARCHAR',
    dag_run_id: 'VARCHAR',
    backfill_id: 'VARCHAR',
    key: 'VARCHAR',
  },
  /** What was said while the run lasted, one row a kind. */
  sightings: {
    kind: 'VARCHAR',
    at_ms: 'DOUBLE',
    said_ms: 'DOUBLE',
    name: 'VARCHAR',
    sentence: 'VARCHAR',
    op: 'BIGINT',
    seq: 'BIGINT',
  } satisfies ColumnsOf<Sighting>,
  /** Of a replay: each playing of a script. */
  episodes: {
    episode: 'INTEGER',
    race: 'VARCHAR',
    file: 'VARCHAR',
    breaks: 'VARCHAR',
    kind: 'VARCHAR',
    dag_id: 'VARCHAR',
    from_ms: 'DOUBLE',
    played_ms: 'DOUBLE',
    to_ms: 'DOUBLE',
    ended: 'VARCHAR',
    step: 'INTEGER',
    why: 'VARCHAR',
    held_ms: 'DOUBLE',
  } satisfies ColumnsOf<EpisodeRow>,
  /** And each step of it. */
  steps: {
    episode: 'INTEGER',
    step: 'INTEGER',
    line: 'INTEGER',
    text: 'VARCHAR',
    began_ms: 'DOUBLE',
    ended_ms: 'DOUBLE',
    result: 'VARCHAR',
    process: 'VARCHAR',
    pid: 'INTEGER',
    statement: 'VARCHAR',
  } satisfies ColumnsOf<StepRow>,
} as const satisfies Record<string, Readonly<Record<string, string>>>;

export const TABLE_NAMES = Object.keys(TABLES) as TableName[];

/** Airflow's own tables after settling, columns as Airflow has them (`final_<name>`). */
export const FINAL_TABLES = COPIED_NAMES;

/** What was read at one moment: a row of the table `samples`. */
export interface Sample {
  readonly at_ms: number;
  readonly source: string;
  readonly metric: SampleMetric;
  readonly value: number;
}

export type SampleMetric =
  /** CPU seconds used so far by a process and its children (`machine`: by everything on it). */
  | 'cpu_s'
  | 'rss_bytes'
  /** Processors of the machine. */
  | 'cpus'
  /** Longest event-loop delay of the harness since the last reading. */
  | 'loop_delay_ms'
  /** Since the last reading: how long the harness collected garbage, and the longest that it did so at a stretch. */
  | 'gc_ms'
  | 'gc_pause_ms'
  /**
   * How long, since the last reading, the harness's event loop was ready to run and no processor was free for it; of a
   * process of the stack the thread that waited longest.
   */
  | 'cpu_wait_ms'
  /** The greatest age, since the last reading, of a row that was recorded and not yet with the kernel. */
  | 'recorder_behind_ms'
  /** Ephemeral ports of the machine, and how many of them are taken, at most. */
  | 'ports'
  | 'ports_in_use'
  /** Lives that have started and not ended. */
  | 'live_lives'
  /** Workloads delivered, waiting or started. */
  | 'handed'
  | 'requests_in_flight'
  /** Connections that the fleet may have to all servers together, and requests that are queued for one. */
  | 'connection_limit'
  | 'connections_waiting'
  /** Lives of a k6 that did not report again. */
  | 'lives_lost'
  /** Cumulative counters of the fleet. `sent` = answered + unknown at the end, or the record is not whole. */
  | 'sent'
  | 'connections'
  | 'lock_waits'
  /** Rise of `pg_stat_database.deadlocks` since the run began. */
  | 'deadlocks'
  /** How often the schedulers' "is a backfill complete?" statement has run (pg_stat_statements). */
  | 'backfill_checks'
  /** Statements that a trace has, and that pg_stat_statements counted, when the load had ended. */
  | 'statements_traced'
  | 'statements_counted'
  /** 1 if the stack called itself healthy, else 0; read while there are faults. */
  | 'healthy'
  /** How far the commit stream is behind, in milliseconds. */
  | 'commit_lag_ms'
  /**
   * By how much another clock is ahead of the run's clock, the offset of a wall clock's moment from `started_at`; and
   * how long the question took: the offset is known to half of that. `source` has that clock.
   */
  | 'clock_offset_ms'
  | 'clock_round_trip_ms'
  /** 1 when the API servers had no work left after the last request, 0 when that took too long. */
  | 'api_quiescent';
