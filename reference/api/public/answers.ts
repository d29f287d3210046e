import type { Tx } from '../../behaviour.ts';
import { isoTime } from '../times.ts';

type Row = Readonly<Record<string, unknown>>;

/** Rows as the API shows them: dates in pydantic's form. */
export function shown(row: Row): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, value instanceof Date ? isoTime(value) : value]),
  );
}

const DAG_RUN_COLUMNS = `dag_run.run_id AS dag_run_id, dag_run.dag_id, dag_run.logical_date, dag_run.queued_at,
  dag_run.start_date, dag_run.end_date, EXTRACT(EPOCH FROM dag_run.end_date - dag_run.start_date)::float8 AS duration,
  dag_run.data_interval_start, dag_run.data_interval_end, dag_run.run_after, dag_run.last_scheduling_decision,
  dag_run.run_type, dag_run.state, dag_run.triggered_by, dag_run.triggering_user_name, dag_run.conf,
  NULL AS note, ARRAY[]::text[] AS dag_versions, dag_run.bundle_version,
  (SELECT coalesce(dag.dag_display_name, dag.dag_id) FROM dag WHERE dag.dag_id = dag_run.dag_id) AS dag_display_name,
  dag_run.partition_key, dag_run.partition_date`;

export async function findRun(
  db: Pick<Tx, 'query'>,
  dagId: string,
  runId: string,
): Promise<Record<string, unknown> | undefined> {
  const { rows } = await db.query<Row>(
    `SELECT ${DAG_RUN_COLUMNS} FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2`,
    [dagId, runId],
  );
  return rows[0] && shown(rows[0]);
}

export interface RunFilter {
  readonly dagId: string;
  readonly states: readonly string[] | null;
  readonly runTypes: readonly string[] | null;
  readonly order: string;
  readonly limit: number;
  readonly offset: number;
}

export async function listRuns(db: Pick<Tx, 'query'>, filter: RunFilter): Promise<object> {
  const where = `($1 = '~' OR dag_run.dag_id = $1) AND ($2::text[] IS NULL OR dag_run.state = ANY ($2))
    AND ($3::text[] IS NULL OR dag_run.run_type = ANY ($3))`;
  const parameters = [filter.dagId, filter.states, filter.runTypes];
  const total = await db.query<{ count: number }>(`SELECT count(*) AS count FROM dag_run WHERE ${where}`, parameters);
  const { rows } = await db.query<Row>(
    `SELECT ${DAG_RUN_COLUMNS} FROM dag_run WHERE ${where} ORDER BY ${filter.order} LIMIT $4 OFFSET $5`,
    [...parameters, filter.limit, filter.offset],
  );
  return {
    dag_runs: rows.map(shown),
    total_entries: total.rows[0]?.count ?? 0,
    total_entries_limit: null,
    next_cursor: null,
    previous_cursor: null,
  };
}

/** `TaskInstanceCollectionResponse` of these task instances. */
export async function taskInstances(tx: Pick<Tx, 'query'>, ids: readonly string[]): Promise<object> {
  const { rows } = await tx.query<Row>(
    `SELECT ti.id, ti.task_id, ti.dag_id, ti.run_id AS dag_run_id, ti.map_index, dag_run.logical_date,
       dag_run.run_after, ti.start_date, ti.end_date, ti.duration, ti.state, ti.try_number, ti.max_tries,
       ti.task_display_name, coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name, ti.hostname, ti.unixname,
       ti.pool, ti.pool_slots, ti.queue, ti.priority_weight, ti.operator, ti.custom_operator_name AS operator_name,
       ti.queued_dttm AS queued_when, ti.scheduled_dttm AS scheduled_when, ti.pid, ti.executor,
       '{}' AS executor_config, NULL AS note, ti.rendered_map_index,
       coalesce(rtif.rendered_fields, '{}'::json) AS rendered_fields, NULL AS trigger, NULL AS triggerer_job,
       NULL AS dag_version
     FROM task_instance AS ti JOIN dag_run ON ti.dag_id = dag_run.dag_id AND ti.run_id = dag_run.run_id
       JOIN dag ON dag.dag_id = ti.dag_id
       LEFT JOIN rendered_task_instance_fields AS rtif ON rtif.dag_id = ti.dag_id AND rtif.task_id = ti.task_id
         AND rtif.run_id = ti.run_id AND rtif.map_index = ti.map_index
     WHERE ti.id = ANY ($1::uuid[]) ORDER BY ti.map_index, ti.task_id`,
    [ids],
  );
  return {
    task_instances: rows.map(shown),
    total_entries: rows.length,
    total_entries_limit: null,
    next_cursor: null,
    previous_cursor: null,
  };
}

const BACKFILL_COLUMNS = `backfill.id, backfill.dag_id, backfill.from_date, backfill.to_date, backfill.dag_run_conf,
  backfill.is_paused, backfill.reprocess_behavior, backfill.max_active_runs, backfill.created_at,
  backfill.completed_at, backfill.updated_at,
  (SELECT coalesce(dag.dag_display_name, dag.dag_id) FROM dag WHERE dag.dag_id = backfill.dag_id) AS dag_display_name`;

export async function findBackfill(
  db: Pick<Tx, 'query'>,
  id: number,
): Promise<(Record<string, unknown> & { completed_at?: unknown; is_paused?: unknown }) | undefined> {
  const { rows } = await db.query<Row>(`SELECT ${BACKFILL_COLUMNS} FROM backfill WHERE backfill.id = $1`, [id]);
  return rows[0] && shown(rows[0]);
}

export async function listBackfills(
  db: Pick<Tx, 'query'>,
  dagId: string,
  limit: number,
  offset: number,
): Promise<object> {
  const total = await db.query<{ count: number }>('SELECT count(*) AS count FROM backfill WHERE backfill.dag_id = $1', [
    dagId,
  ]);
  const { rows } = await db.query<Row>(
    `SELECT ${BACKFILL_COLUMNS} FROM backfill WHERE backfill.dag_id = $1 ORDER BY backfill.id LIMIT $2 OFFSET $3`,
    [dagId, limit, offset],
  );
  return { backfills: rows.map(shown), total_entries: total.rows[0]?.count ?? 0 };
}
