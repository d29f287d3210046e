import type { Tx } from '../behaviour.ts';
import { LIMITS } from '../settings.ts';
import type { DagJson } from './serialized-dag.ts';
import { nextRunDate } from './timetable.ts';

const BUNDLE = 'dags-folder';
const WITHOUT_CLOCK = 'airflow.timetables.simple.AssetTriggeredTimetable';

/** `find_orm_dags`. Locked before the runs are looked at: the scheduler creates runs with these rows locked, too. */
export async function lockDags(tx: Tx, file: string, dags: readonly DagJson[]): Promise<void> {
  await tx.query(
    `SELECT dag.dag_id FROM dag WHERE dag.dag_id = ANY($1) OR (dag.relative_fileloc = $2 AND NOT dag.is_stale)
     ORDER BY dag.dag_id FOR NO KEY UPDATE OF dag`,
    [dags.map(({ dag_id }) => dag_id), file],
  );
}

/** `DagModelOperation.update_dags`. Whether a DAG is paused is decided at its creation and from then on by users. */
export async function upsertDag(
  tx: Tx,
  dag: DagJson,
  parsed: { readonly fileloc: string; readonly durationS: number },
): Promise<void> {
  const next = nextRunDate(dag, await latestAutomatedRun(tx, dag.dag_id), new Date());
  await tx.query(
    `INSERT INTO dag (dag_id, is_paused, is_stale, exceeds_max_non_backfill, last_parsed_time, last_parse_duration,
       fileloc, relative_fileloc, bundle_name, owners, dag_display_name, timetable_type, timetable_summary,
       timetable_periodic, max_active_tasks, max_active_runs, max_consecutive_failed_dag_runs,
       has_task_concurrency_limits, has_import_errors, next_dagrun, next_dagrun_data_interval_start,
       next_dagrun_data_interval_end, next_dagrun_create_after)
     VALUES ($1::varchar, false, false, ${activeRuns('$1::varchar')} >= $2::int, now(), $3, $4, $5, '${BUNDLE}',
       'airflow', $1::varchar,
       $9::varchar, $6, $9::varchar <> '${WITHOUT_CLOCK}', $8, $2::int, 0, $10, false,
       $7::timestamptz, $7::timestamptz, $7::timestamptz, $7::timestamptz)
     ON CONFLICT (dag_id) DO UPDATE SET is_stale = false, exceeds_max_non_backfill = EXCLUDED.exceeds_max_non_backfill,
       last_parsed_time = now(), last_parse_duration = EXCLUDED.last_parse_duration, fileloc = EXCLUDED.fileloc,
       relative_fileloc = EXCLUDED.relative_fileloc, timetable_summary = EXCLUDED.timetable_summary,
       max_active_tasks = EXCLUDED.max_active_tasks, max_active_runs = EXCLUDED.max_active_runs,
       has_task_concurrency_limits = EXCLUDED.has_task_concurrency_limits,
       has_import_errors = false, next_dagrun = EXCLUDED.next_dagrun,
       next_dagrun_data_interval_start = EXCLUDED.next_dagrun_data_interval_start,
       next_dagrun_data_interval_end = EXCLUDED.next_dagrun_data_interval_end,
       next_dagrun_create_after = EXCLUDED.next_dagrun_create_after`,
    [
      dag.dag_id,
      dag.max_active_runs,
      parsed.durationS,
      parsed.fileloc,
      parsed.fileloc.slice(parsed.fileloc.lastIndexOf('/') + 1),
      dag.schedule ?? 'Asset',
      next,
      dag.max_active_tasks ?? LIMITS.maxActiveTasks,
      dag.assets === undefined ? 'airflow.timetables.trigger.CronTriggerTimetable' : WITHOUT_CLOCK,
      dag.tasks.some((task) => (task.max_active_tis_per_dag ?? task.max_active_tis_per_dagrun) !== undefined),
    ],
  );
}

/** A factory's file that no longer makes a DAG; Airflow waits for `stale_dag_threshold` first. */
export async function markAbsentFromFile(tx: Tx, file: string, dags: readonly DagJson[]): Promise<void> {
  await tx.query(
    `UPDATE dag SET is_stale = true
     WHERE dag.relative_fileloc = $1 AND NOT dag.is_stale AND dag.dag_id <> ALL($2)`,
    [file, dags.map(({ dag_id }) => dag_id)],
  );
}

/** `deactivate_deleted_dags`. Returns how many DAGs became stale. */
export async function markAbsentFiles(tx: Tx, present: readonly string[]): Promise<number> {
  const { rowCount } = await tx.query(
    `UPDATE dag SET is_stale = true
     WHERE dag.bundle_name = '${BUNDLE}' AND NOT dag.is_stale AND dag.relative_fileloc <> ALL($1)`,
    [present],
  );
  return rowCount ?? 0;
}

/** `_RunInfo.calculate`: backfills move a DAG's schedule on, too. */
async function latestAutomatedRun(tx: Tx, dagId: string): Promise<Date | null> {
  const { rows } = await tx.query<{ latest: Date | null }>(
    `SELECT max(dag_run.logical_date) AS latest FROM dag_run
     WHERE dag_run.dag_id = $1 AND dag_run.run_type IN ('backfill', 'scheduled')`,
    [dagId],
  );
  return rows[0]?.latest ?? null;
}

function activeRuns(dagId: string): string {
  return `(SELECT count(*) FROM dag_run WHERE dag_run.dag_id = ${dagId} AND dag_run.run_type <> 'backfill'
    AND dag_run.state IN ('queued', 'running'))`;
}
