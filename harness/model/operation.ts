/** What a request asks for. Life kinds first, then operator kinds. */
export const OPERATION_KINDS = [
  'run',
  'heartbeat',
  'state',
  'rtif',
  'skip_downstream',
  'xcom_push',
  'xcom_clear',
  'trigger_run',
  'impostor_heartbeat',
  'impostor_run',
  'other',
  'backfill',
  'trigger',
  'clear',
  'mark',
  'delete',
  'bulk',
  'pause',
  'pool',
  'asset_event',
] as const;

export type OperationKind = (typeof OPERATION_KINDS)[number];

/**
 * How a request ended: `ok` (2xx), `refused` (4xx: the server said no and did nothing) or `unknown` (5xx, time-out,
 * lost connection, run ended: it may have committed).
 */
export type Outcome = 'ok' | 'refused' | 'unknown';

/** One request: a row of the table `operations`. All `_ms` are milliseconds on the run's clock. */
export interface Operation {
  /** Names it in the run. Engines number their requests apart: what was before what, `sent_ms` says. */
  readonly op: number;
  readonly actor: 'life' | 'operator';
  /** `lives.life` of the life that sent it; null for operators. */
  readonly life: number | null;
  /** Host name of the simulated worker, or the operator's name. */
  readonly worker: string;
  readonly kind: OperationKind;
  readonly dag_id: string | null;
  readonly run_id: string | null;
  readonly task_id: string | null;
  readonly map_index: number | null;
  readonly try_number: number | null;
  readonly ti_id: string | null;
  /**
   * What else the request names or got back: a backfill's id, the skipped task ids joined by a blank, the run that is
   * triggered (`DAG/RUN`).
   */
  readonly target: string | null;
  /** 1 for the first sending; the client's retries of the same request count on. */
  readonly attempt: number;
  /** `op` of the first of several requests sent at once on purpose (a client that lost the response); else null. */
  readonly duplicate_of: number | null;
  /** When the scenario wanted it sent. Latency counts from here. */
  readonly intended_ms: number;
  readonly sent_ms: number;
  /** Null while nothing has come back and the run ended. */
  readonly ended_ms: number | null;
  readonly outcome: Outcome;
  readonly status: number | null;
  /** The server's `detail.reason`, such as `not_running`. */
  readonly reason: string | null;
  /** The server's `previous_state` or `current_state`: where the task instance really was. */
  readonly found_state: string | null;
  /** The state asked for, the value written (RTIF, XCom), or the configuration of a run that is triggered. */
  readonly requested: string | null;
  /** The server's message, cut at 300 characters. */
  readonly message: string | null;
  /** The client's own error code (`UND_ERR_HEADERS_TIMEOUT`, `ECONNRESET`, `answer-dropped`, …). */
  readonly cause: string | null;
  readonly correlation_id: string | null;
  /** Whether a 503 carried Retry-After. */
  readonly retry_after: boolean | null;
}

/**
 * Why a life ended. `reported`: its end was accepted. `refused`: `/run` was refused. `stopped`: the server took the
 * task away (404, 409, 410 on a heartbeat) or refused its end; what it sent before its process was killed may have been
 * accepted. `silent`: it died on purpose without a word. `gave-up`: its end was not accepted, and its supervisor
 * returned as if all were well. `raised`: its supervisor failed, which its executor reports. `never-started`: it was
 * lost on purpose before `/run`, and its executor reported that to the scheduler. `lost`: the k6 that played it did not
 * report again, so what it did is not known. `revoked`: Airflow revoked it before `/run`. `run-ended`: the harness
 * stopped first.
 */
export type LifeEnd =
  | 'reported'
  | 'refused'
  | 'stopped'
  | 'silent'
  | 'gave-up'
  | 'raised'
  | 'never-started'
  | 'lost'
  | 'revoked'
  | 'run-ended';

/** One simulated task attempt: a row of the table `lives`. */
export interface Life {
  readonly life: number;
  readonly worker: string;
  readonly pid: number;
  readonly ti_id: string;
  readonly dag_id: string;
  readonly run_id: string;
  readonly task_id: string;
  readonly map_index: number;
  readonly try_number: number;
  /** The scheduler process that handed the workload over. */
  readonly scheduler: string;
  readonly handed_ms: number;
  /** When `/run` was accepted; null if it never was. */
  readonly started_ms: number | null;
  readonly ended_ms: number;
  readonly end: LifeEnd;
  /** How often the same workload was delivered (1 = once). */
  readonly deliveries: number;
  /** The life whose workload it played a second time, because a fault delivered it twice; null for all others. */
  readonly duplicate_of: number | null;
  /** Of a real worker: the file in the run folder with what it printed; null for a simulated one. */
  readonly log: string | null;
}
