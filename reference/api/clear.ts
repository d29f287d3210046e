import type { Behaviour, RunKey, TaskInstanceRow, Tx } from '../behaviour.ts';
import type { SerializedDag } from '../dags/serialized-dag.ts';
import { prepareNextTry } from '../database/task-instance.ts';
import type { TaskMarker } from './fields.ts';
import { Refusal } from './refusal.ts';

/** Which task instances of a DAG. */
export interface Choice {
  readonly dagId: string;
  /** Null: those of all runs with a logical date between `from` and `to`. */
  readonly runId: string | null;
  readonly from?: Date | null;
  readonly to?: Date | null;
  /** Null: all tasks. */
  readonly tasks: readonly TaskMarker[] | null;
  /** Empty: all states. */
  readonly states: readonly string[];
  readonly except?: readonly string[];
}

const CHOSEN = `task_instance.dag_id = $1 AND ($2::text IS NULL OR task_instance.run_id = $2)
  AND ($3::timestamptz IS NULL OR dag_run.logical_date >= $3)
  AND ($4::timestamptz IS NULL OR dag_run.logical_date <= $4)
  AND ($5::text[] IS NULL OR task_instance.task_id = ANY ($5)
    OR (task_instance.task_id, task_instance.map_index) IN (SELECT * FROM unnest($6::text[], $7::int[])))
  AND (cardinality($8::text[]) = 0 OR task_instance.state = ANY ($8))
  AND task_instance.task_id <> ALL ($9::text[])`;

function parametersOf(choice: Choice): unknown[] {
  const { tasks } = choice;
  const mapped = (tasks ?? []).filter((marker) => typeof marker !== 'string');
  return [
    choice.dagId,
    choice.runId,
    choice.from ?? null,
    choice.to ?? null,
    tasks === null ? null : tasks.filter((marker) => typeof marker === 'string'),
    mapped.map(([task]) => task),
    mapped.map(([, index]) => index),
    choice.states,
    choice.except ?? [],
  ];
}

/** The ids of the task instances, without locks. */
export async function chosenIds(tx: Tx, choice: Choice): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `SELECT task_instance.id::text AS id FROM task_instance JOIN dag_run ON task_instance.dag_id = dag_run.dag_id
       AND task_instance.run_id = dag_run.run_id WHERE ${CHOSEN} ORDER BY task_instance.id`,
    parametersOf(choice),
  );
  return rows.map(({ id }) => id);
}

/** Locks a run, before any of its task instances: the order in which the scheduler does it, too. */
export async function lockRun(tx: Tx, { dag_id, run_id }: RunKey): Promise<void> {
  await tx.query('SELECT dag_run.id FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2 FOR NO KEY UPDATE', [
    dag_id,
    run_id,
  ]);
}

/**
 * Locks the runs, then the task instances as they are now. Airflow reads them without a lock and writes at the end,
 * runs first; what a worker reports in between it overwrites, or breaks on.
 */
export async function lockChosen(tx: Tx, choice: Choice): Promise<TaskInstanceRow[]> {
  await tx.query(
    `SELECT dag_run.id FROM dag_run WHERE dag_run.dag_id = $1 AND ($2::text IS NULL OR dag_run.run_id = $2)
       AND ($3::timestamptz IS NULL OR dag_run.logical_date >= $3)
       AND ($4::timestamptz IS NULL OR dag_run.logical_date <= $4)
     ORDER BY dag_run.id FOR NO KEY UPDATE`,
    parametersOf(choice).slice(0, 4),
  );
  const { rows } = await tx.query<TaskInstanceRow>(
    `SELECT task_instance.*, task_instance.id::text AS id FROM task_instance
     JOIN dag_run ON task_instance.dag_id = dag_run.dag_id AND task_instance.run_id = dag_run.run_id
     WHERE ${CHOSEN} ORDER BY task_instance.id FOR UPDATE OF task_instance`,
    parametersOf(choice),
  );
  return rows;
}

export interface ClearOptions {
  /** Finished runs are queued again; false leaves the runs alone. */
  readonly resetRuns: boolean;
  readonly preventRunning?: boolean;
  readonly onLatest?: boolean;
}

/** `clear_task_instances`. What was locked before gets a new try; returns the new ids. */
export async function clearTaskInstances(
  tx: Tx,
  behaviour: Behaviour,
  dag: SerializedDag,
  tis: readonly TaskInstanceRow[],
  options: ClearOptions,
): Promise<string[]> {
  const retries = new Map(dag.json.tasks.map((task) => [task.task_id, task.retries ?? 0]));
  const ids: string[] = [];
  for (const ti of tis) {
    if (ti.state === 'running' && options.preventRunning) throw Refusal.of(409, RUNNING_IS_KEPT);
    const id = await prepareNextTry(tx, behaviour, ti);
    ids.push(id);
    // The worker of a running one finds out at its next heartbeat.
    if (ti.state === 'running') await tx.query(`UPDATE task_instance SET state = 'restarting' WHERE id = $1`, [id]);
    else await resetOne(tx, id, ti, retries.get(ti.task_id), options.onLatest ? dag.dag_version_id : null);
  }
  if (options.resetRuns) await resetRuns(tx, tis, options.onLatest ? dag.dag_version_id : null);
  return ids;
}

const RUNNING_IS_KEPT =
  "AirflowClearRunningTaskException: Disable 'prevent_running_task' to proceed, or wait until the task is not " +
  'running, queued, or scheduled state.';

async function resetOne(
  tx: Tx,
  id: string,
  ti: TaskInstanceRow,
  retries: number | undefined,
  version: string | null,
): Promise<void> {
  const maxTries = retries === undefined ? Math.max(ti.max_tries, ti.try_number) : ti.try_number + retries;
  await tx.query(
    `UPDATE task_instance SET state = NULL, max_tries = $2, external_executor_id = NULL, next_method = NULL,
       next_kwargs = NULL, dag_version_id = coalesce($3::uuid, dag_version_id), updated_at = now() WHERE id = $1`,
    [id, maxTries, version],
  );
}

async function resetRuns(tx: Tx, tis: readonly TaskInstanceRow[], version: string | null): Promise<void> {
  const runs = new Map(tis.map((ti) => [`${ti.dag_id} ${ti.run_id}`, ti]));
  for (const { dag_id, run_id } of runs.values()) {
    await tx.query(
      `UPDATE dag_run SET clear_number = clear_number + 1, queued_at = now(), updated_at = now(),
         created_dag_version_id = coalesce($3::uuid, created_dag_version_id),
         start_date = CASE WHEN state IN ('success', 'failed') THEN NULL ELSE start_date END,
         end_date = CASE WHEN state IN ('success', 'failed') THEN NULL ELSE end_date END,
         last_scheduling_decision =
           CASE WHEN state IN ('success', 'failed') THEN NULL ELSE last_scheduling_decision END,
         state = CASE WHEN state IN ('success', 'failed') THEN 'queued' ELSE state END
       WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2`,
      [dag_id, run_id, version],
    );
  }
}

/** The tasks after (or before) the given ones, without these. */
export function relatives(
  dag: SerializedDag,
  tasks: readonly string[],
  direction: 'upstream' | 'downstream',
): string[] {
  const next = new Map<string, string[]>(dag.json.tasks.map(({ task_id }) => [task_id, []]));
  for (const { task_id, upstream } of dag.json.tasks) {
    for (const other of upstream) {
      const [from, to] = direction === 'downstream' ? [other, task_id] : [task_id, other];
      next.get(from)?.push(to);
    }
  }
  const found = new Set(tasks);
  for (const task of found) for (const other of next.get(task) ?? []) found.add(other);
  return [...found].filter((task) => !tasks.includes(task));
}
