import type { Request } from './http.ts';
import type { Talk, Ti } from './talk.ts';

/** Times that dialogues send: long past, so that they stand out from the server's own clock. */
export const STARTED = '2026-02-01T10:00:00Z';
export const ENDED = '2026-02-01T10:05:00Z';
/** Far enough ahead that no scheduler acts on it. */
export const SOME_DAY = '2050-01-01T00:00:00Z';
export const UNKNOWN_ID = '00000000-0000-7000-8000-000000000000';

export interface Worker {
  readonly hostname: string;
  readonly unixname: string;
  readonly pid: number;
}

export const ANNE: Worker = { hostname: 'host-a', unixname: 'anne', pid: 1001 };
export const BERT: Worker = { hostname: 'host-b', unixname: 'bert', pid: 1002 };

type Method = Request['method'];
type Extra = Partial<Pick<Request, 'token' | 'headers' | 'raw' | 'show'>>;

/** Any request of a worker, with the task instance's own token unless another is given. */
export function execution(route: string, method: Method, path: string, ti: Ti, body?: unknown, extra?: Extra): Request {
  return { route, api: 'execution', method, path, token: ti.token, ...(body === undefined ? {} : { body }), ...extra };
}

function ofTi(route: string, method: Method, ti: Ti, body: unknown, extra?: Extra): Request {
  return execution(route, method, `/task-instances/${ti.id}/${route}`, ti, body, extra);
}

export function start(ti: Ti, worker: Worker = ANNE, extra?: Extra): Request {
  const body = { state: 'running', ...worker, start_date: STARTED };
  return ofTi('run', 'PATCH', ti, body, { token: ti.queueToken, ...extra });
}

export function heartbeat(ti: Ti, { hostname, pid }: Pick<Worker, 'hostname' | 'pid'> = ANNE, extra?: Extra): Request {
  return ofTi('heartbeat', 'PUT', ti, { hostname, pid }, extra);
}

export function state(ti: Ti, body: unknown, extra?: Extra): Request {
  return ofTi('state', 'PATCH', ti, body, extra);
}

export const SUCCESS = { state: 'success', end_date: ENDED, task_outlets: [], outlet_events: [] };
export const FAILED = { state: 'failed', end_date: ENDED };
export const UP_FOR_RETRY = { state: 'up_for_retry', end_date: ENDED };
export const UP_FOR_RESCHEDULE = { state: 'up_for_reschedule', reschedule_date: SOME_DAY, end_date: ENDED };
export const DEFERRED = {
  state: 'deferred',
  classpath: 'airflow.providers.standard.triggers.temporal.TimeDeltaTrigger',
  trigger_kwargs: { delta: 3600 },
  next_method: 'execute_complete',
  trigger_timeout: 'PT1H',
};

export function skipDownstream(ti: Ti, tasks: unknown, extra?: Extra): Request {
  return ofTi('skip-downstream', 'PATCH', ti, { tasks }, extra);
}

export function rtif(ti: Ti, fields: unknown, extra?: Extra): Request {
  return ofTi('rtif', 'PUT', ti, fields, extra);
}

export function xcom(method: Method, ti: Ti, key: string, value?: unknown, query = ''): Request {
  const path = `/xcoms/${ti.dagId}/${ti.runId}/${ti.taskId}/${key}${query}`;
  return execution('xcom', method, path, ti, undefined, value === undefined ? {} : { raw: JSON.stringify(value) });
}

export function variable(method: Method, ti: Ti, key: string, body?: unknown): Request {
  return execution('variable', method, `/variables/${key}`, ti, body);
}

/** A request of a user to the public API. */
export function user(talk: Talk, route: string, method: Method, path: string, body?: unknown, extra?: Extra): Request {
  const token = talk.publicToken;
  return {
    route,
    api: 'public',
    method,
    path: `/api/v2${path}`,
    token,
    ...(body === undefined ? {} : { body }),
    ...extra,
  };
}

export const RUN_FIELDS = ['dag_id', 'dag_run_id', 'state', 'run_type', 'logical_date', 'note', 'conf', 'triggered_by'];
export const TI_FIELDS = ['task_id', 'map_index', 'state', 'try_number', 'total_entries', 'task_instances'];
export const BACKFILL_FIELDS = [
  'dag_id',
  'from_date',
  'to_date',
  'is_paused',
  'reprocess_behavior',
  'max_active_runs',
  'completed_at',
  'total_entries',
  'backfills',
  'logical_date',
];

export function trigger(talk: Talk, body: unknown, dagId = talk.dagId, extra?: Extra): Request {
  return user(talk, 'trigger', 'POST', `/dags/${dagId}/dagRuns`, body, { show: RUN_FIELDS, ...extra });
}

export function clear(talk: Talk, body: Readonly<Record<string, unknown>>, dagId = talk.dagId): Request {
  return user(talk, 'clear', 'POST', `/dags/${dagId}/clearTaskInstances`, body, { show: TI_FIELDS });
}

export function markTask(talk: Talk, task: string, body: unknown, suffix = ''): Request {
  const path = `/dags/${talk.dagId}/dagRuns/${talk.runId}/taskInstances/${task}${suffix}`;
  return user(talk, 'mark-task', 'PATCH', path, body, { show: TI_FIELDS });
}

export function markRun(talk: Talk, body: unknown, runId = talk.runId): Request {
  return user(talk, 'mark-run', 'PATCH', `/dags/${talk.dagId}/dagRuns/${runId}`, body, { show: RUN_FIELDS });
}

export function deleteRun(talk: Talk, runId = talk.runId): Request {
  return user(talk, 'delete-run', 'DELETE', `/dags/${talk.dagId}/dagRuns/${runId}`);
}

/** One bulk request with one update, in the run of the dialogue. */
export function bulkUpdate(
  talk: Talk,
  entities: readonly Readonly<Record<string, unknown>>[],
  more: Readonly<Record<string, unknown>> = {},
): Request {
  const body = { actions: [{ action: 'update', entities, ...more }] };
  return user(talk, 'bulk', 'PATCH', `/dags/${talk.dagId}/dagRuns/${talk.runId}/taskInstances`, body);
}

export interface BackfillDates {
  readonly from_date: unknown;
  readonly to_date: unknown;
}

export const THREE_MINUTES: BackfillDates = { from_date: '2026-01-05T00:00:00Z', to_date: '2026-01-05T00:02:00Z' };

export function backfill(talk: Talk, dates: BackfillDates, more: Readonly<Record<string, unknown>> = {}): Request {
  const body = {
    dag_id: talk.dagId,
    ...dates,
    run_backwards: false,
    dag_run_conf: {},
    reprocess_behavior: 'none',
    max_active_runs: 2,
    ...more,
  };
  return user(talk, 'backfill', 'POST', '/backfills', body, { show: BACKFILL_FIELDS });
}
