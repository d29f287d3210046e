import type { Behaviour, TaskInstanceRow, Tx } from '../behaviour.ts';

const FINISHED = new Set(['success', 'failed', 'skipped', 'upstream_failed', 'removed']);

/** `State.finished`. */
export function isFinished(state: string | null): boolean {
  return state !== null && FINISHED.has(state);
}

/** The columns that task_instance and task_instance_history share, but for the id, the state and the end. */
const KEPT = `task_id, dag_id, run_id, map_index, try_number, start_date, max_tries, hostname,
  unixname, pool, pool_slots, queue, priority_weight, operator, custom_operator_name, queued_dttm, scheduled_dttm,
  queued_by_job_id, pid, executor, executor_config, updated_at, rendered_map_index, context_carrier, span_status,
  external_executor_id, trigger_id, trigger_timeout, next_method, next_kwargs, task_display_name, dag_version_id,
  retry_delay_override, retry_reason`;

/** See `Behaviour.archiveTry`. A try that is there already is left as it is, as `record_ti` does. */
export async function archiveTry(tx: Tx, ti: TaskInstanceRow): Promise<void> {
  const finished = isFinished(ti.state);
  await tx.query(
    `INSERT INTO task_instance_history (task_instance_id, state, end_date, duration, ${KEPT})
     SELECT id, $2, ${finished ? 'end_date, duration' : ENDED_NOW}, ${KEPT} FROM task_instance WHERE id = $1
     ON CONFLICT DO NOTHING`,
    [ti.id, finished ? ti.state : 'failed'],
  );
}

/** End and duration of a try that is cut off: what its worker reported, if it did, else now. */
const ENDED_NOW = `coalesce(end_date, now()),
  CASE WHEN end_date IS NULL THEN EXTRACT(EPOCH FROM now() - start_date) ELSE duration END`;

/**
 * Ends a try that will be followed by another: history, and a new id for the row, so that a worker with the
 * old one gets 410. Airflow: `prepare_db_for_next_try`. Returns the new id.
 */
export async function prepareNextTry(tx: Tx, behaviour: Behaviour, ti: TaskInstanceRow): Promise<string> {
  await tx.query('DELETE FROM task_reschedule WHERE ti_id = $1', [ti.id]);
  await behaviour.archiveTry(tx, ti);
  const cutOff = isFinished(ti.state) ? '' : `, (end_date, duration) = (SELECT ${ENDED_NOW})`;
  const { rows } = await tx.query<{ id: string }>(
    `UPDATE task_instance SET id = uuidv7()${cutOff} WHERE id = $1 RETURNING id::text AS id`,
    [ti.id],
  );
  const [row] = rows;
  if (!row) throw new Error(`task instance ${ti.id} went away while its row was locked`);
  return row.id;
}

/** `log` rows: Airflow's audit trail. */
export async function audit(tx: Tx, event: string, ti: TaskInstanceRow, extra: string | null = null): Promise<void> {
  await tx.query(
    `INSERT INTO log (dttm, dag_id, task_id, map_index, event, run_id, owner, extra, try_number)
     VALUES (now(), $1, $2, $3, $4, $5, 'airflow', $6, $7)`,
    [ti.dag_id, ti.task_id, ti.map_index, event, ti.run_id, extra, ti.try_number],
  );
}
