import type { Tx } from '../behaviour.ts';
import type { SerializedDag } from './serialized-dag.ts';

export interface NewRun {
  readonly run_id: string;
  readonly run_type: 'scheduled' | 'manual' | 'backfill' | 'operator_triggered' | 'asset_triggered';
  /** A text where it has microseconds. */
  readonly logical_date: Date | string | null;
  readonly run_after: Date;
  readonly triggered_by: 'timetable' | 'rest_api' | 'backfill' | 'operator' | 'asset';
  readonly conf?: unknown;
  readonly backfill_id?: number;
  readonly creating_job_id?: number;
  readonly triggering_user_name?: string;
}

/** -1 alone for a task that is not mapped. A literal list is expanded when the run is made, as Airflow does. */
export function everyMapIndex(values: number | undefined): readonly number[] {
  return values === undefined ? [-1] : Array.from({ length: values }, (_, i) => i);
}

/**
 * A QUEUED run with all its task instances, in the caller's transaction, as Airflow's `create_dagrun` and its
 * `verify_integrity` make them. Returns `dag_run.id`. Throws PostgreSQL's 23505 if the run or its date exists.
 */
export async function createDagRun(
  tx: Tx,
  dag: SerializedDag,
  run: NewRun,
  mapIndexes: (values: number | undefined) => readonly number[] = everyMapIndex,
): Promise<number> {
  // A cron schedule has points in time, not intervals, since Airflow 3: both ends are the logical date.
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO dag_run (dag_id, run_id, run_type, state, queued_at, logical_date, data_interval_start,
       data_interval_end, run_after, conf, triggered_by, triggering_user_name, backfill_id, creating_job_id,
       created_dag_version_id, created_at, updated_at)
     VALUES ($1, $2, $3, 'queued', now(), $4, $4, $4, $5, $6, $7, $8, $9, $10, $11, now(), now())
     RETURNING id`,
    [
      dag.dag_id,
      run.run_id,
      run.run_type,
      run.logical_date,
      run.run_after,
      JSON.stringify(run.conf ?? {}),
      run.triggered_by,
      run.triggering_user_name ?? null,
      run.backfill_id ?? null,
      run.creating_job_id ?? null,
      dag.dag_version_id,
    ],
  );
  await tx.query(
    `INSERT INTO task_instance (id, task_id, dag_id, run_id, map_index, state, try_number, max_tries, pool, pool_slots,
       queue, priority_weight, operator, custom_operator_name, updated_at, task_display_name, dag_version_id, hostname,
       executor_config)
     SELECT uuidv7(), task.task_id, $1, $2, task.map_index, NULL, 0, task.retries, task.pool, 1, 'default',
       task.priority_weight, 'WorkloadOperator', 'WorkloadOperator', now(), task.task_id, $3, '', NULL
     FROM json_to_recordset($4) AS task(task_id text, map_index int, retries int, pool text, priority_weight int)`,
    [
      dag.dag_id,
      run.run_id,
      dag.dag_version_id,
      JSON.stringify(
        dag.json.tasks.flatMap(({ task_id, retries = 0, mapped, pool = 'default_pool', priority_weight = 1 }) =>
          mapIndexes(mapped).map((map_index) => ({ task_id, map_index, retries, pool, priority_weight })),
        ),
      ),
    ],
  );
  const [row] = rows;
  if (!row) throw new Error(`no id came back for ${dag.dag_id}/${run.run_id}`);
  return row.id;
}
