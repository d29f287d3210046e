import type { OperationKind } from '../operation.ts';

/**
 * Where something is in Airflow's source: a part of a line in a function. Which line that is, is read in the release
 * that a run was of, for lines move from one to the next.
 */
export interface SourcePlace {
  /** What is done there, and by whom: `API server, PATCH …/state`. */
  readonly does: string;
  /** Below `airflow/`. */
  readonly file: string;
  /** The function. */
  readonly within: string;
  /** A part of the line, the first in the function that has it; absent: the line that begins the function. */
  readonly code?: string;
}

/** A place that was looked for in a release. */
export interface FoundPlace extends SourcePlace {
  /** Null: the release has it not. */
  readonly line: number | null;
  /** The line, without its indentation. */
  readonly text: string;
}

const TASK_INSTANCES = 'api_fastapi/execution_api/routes/task_instances.py';
const DAG_RUNS = 'api_fastapi/execution_api/routes/dag_runs.py';
const XCOMS = 'api_fastapi/execution_api/routes/xcoms.py';
const PUBLIC = 'api_fastapi/core_api/routes/public';

function handler(does: string, file: string, within: string): SourcePlace {
  return { does: `API server, ${does}`, file, within };
}

const HANDLERS: Readonly<Partial<Record<OperationKind, SourcePlace>>> = {
  run: handler('PATCH …/run of a worker', TASK_INSTANCES, 'ti_run'),
  heartbeat: handler('PUT …/heartbeat', TASK_INSTANCES, 'ti_heartbeat'),
  state: handler('PATCH …/state, an end report', TASK_INSTANCES, 'ti_update_state'),
  rtif: handler('PUT …/rtif, rendered fields', TASK_INSTANCES, 'ti_put_rtif'),
  skip_downstream: handler('PATCH …/skip-downstream', TASK_INSTANCES, 'ti_skip_downstream'),
  xcom_push: handler('POST of an XCom', XCOMS, 'set_xcom'),
  xcom_clear: handler('DELETE of an XCom', XCOMS, 'delete_xcom'),
  trigger_run: handler('POST of a DAG run by a worker', DAG_RUNS, 'trigger_dag_run'),
  impostor_heartbeat: handler('PUT …/heartbeat', TASK_INSTANCES, 'ti_heartbeat'),
  impostor_run: handler('PATCH …/run', TASK_INSTANCES, 'ti_run'),
  backfill: handler('POST of a backfill', `${PUBLIC}/backfills.py`, 'create_backfill'),
  trigger: handler('POST of a DAG run', `${PUBLIC}/dag_run.py`, 'trigger_dag_run'),
  clear: handler('POST …/clearTaskInstances', `${PUBLIC}/task_instances.py`, 'post_clear_task_instances'),
  mark: handler('PATCH of a task instance', `${PUBLIC}/task_instances.py`, 'patch_task_instance'),
  delete: handler('DELETE of a DAG run', `${PUBLIC}/dag_run.py`, 'delete_dag_run'),
  bulk: handler('PATCH of task instances', `${PUBLIC}/task_instances.py`, 'bulk_task_instances'),
  pause: handler('PATCH of a DAG', `${PUBLIC}/dags.py`, 'patch_dag'),
  asset_event: handler('POST of an asset event', `${PUBLIC}/assets.py`, 'create_asset_event'),
  pool: handler('PATCH of a pool', `${PUBLIC}/pools.py`, 'patch_pool'),
};

/** The handler of a request of this kind. */
export function handlerOf(kind: string): SourcePlace | undefined {
  return new Map<string, SourcePlace>(Object.entries(HANDLERS)).get(kind);
}

/** Looks for places in a release. `read`: the text of a file below `airflow/`, undefined where there is none. */
export function findPlaces(
  places: readonly SourcePlace[],
  read: (file: string) => string | undefined,
): readonly FoundPlace[] {
  return places.map((place) => ({ ...place, ...foundIn(read(place.file)?.split('\n') ?? [], place) }));
}

function foundIn(lines: readonly string[], { within, code }: SourcePlace): Pick<FoundPlace, 'line' | 'text'> {
  const begin = new RegExp(`^(\\s*)(?:async )?def ${within}\\b`);
  const from = lines.findIndex((line) => begin.test(line));
  const indent = begin.exec(lines[from] ?? '')?.[1]?.length ?? 0;
  // The next function or class that stands no deeper ends it.
  const next = new RegExp(`^\\s{0,${indent}}(?:@|async def |def |class )`);
  const length = lines.slice(from + 1).findIndex((line) => next.test(line));
  const to = length < 0 ? lines.length : from + 1 + length;
  const at = lines.findIndex((line, i) => i >= from && i < to && line.includes(code ?? `def ${within}`));
  if (from < 0 || at < 0) return { line: null, text: '' };
  return { line: at + 1, text: lines[at]?.trim() ?? '' };
}
