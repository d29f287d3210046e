import { type AirflowSchema, tablesOfRelation, type WatchedName } from './schema.ts';

/** The statements on Airflow's database beside those of the record, and how Airflow's own look. */

/** How many of the DAGs `$1` Airflow knows: `n`. */
export const KNOWN_DAGS = 'SELECT count(*) AS n FROM serialized_dag WHERE dag_id = ANY ($1)';
/** Where that is kept, for a user who may not read it. */
export const SERIALIZED_DAGS = 'serialized_dag';

/** Whether the dag-processor notes what it cannot import: the reference stack does not. */
export const HAS_IMPORT_ERRORS = "SELECT 1 WHERE to_regclass('import_error') IS NOT NULL";
/** What it says of files that end in `$1`: `text`. */
export const IMPORT_ERRORS = 'SELECT stacktrace AS text FROM import_error WHERE right(filename, length($1)) = $1';

/** Whether it is Airflow's database: `isAirflow`. */
export const IS_AIRFLOW = `to_regclass('dag') IS NOT NULL AS "isAirflow"`;

/** Of a target: the DAGs that are scheduled, other than those that match `$1`. */
export const SCHEDULED_DAGS =
  'SELECT dag_id FROM dag WHERE NOT is_paused AND NOT is_stale AND dag_id !~ $1 ORDER BY dag_id';
/** The newest form of each of the DAGs `$1`. */
export const DAGS_AS_SERIALIZED = `SELECT DISTINCT ON (dag_id) dag_id, data, data_compressed FROM serialized_dag
  WHERE dag_id = ANY ($1) ORDER BY dag_id, last_updated DESC`;

/**
 * DAGs, other than those that match `$1`, with a queued task for one of the executors `$2`, or for the first one where
 * `$3` says so.
 */
export function queuedDags(schema: AirflowSchema): string {
  return `SELECT DISTINCT dag_id FROM task_instance ti
    WHERE state = 'queued' AND ${isCurrent('ti', schema)} AND dag_id !~ $1
      AND (executor = ANY ($2) OR executor IS NULL AND $3)`;
}

const UNFINISHED = `SELECT dag_id, run_id FROM dag_run WHERE state IN ('queued', 'running')`;

/**
 * Runs that are not finished, those of them that are of an older DAG version, and all versions: `runs`, `older`,
 * `versions`. A run is of an older version as long as no task of it is of the newest one: so schedulers see it, too.
 */
export function runsLeft(schema: AirflowSchema): string {
  return `
  WITH unfinished AS (${UNFINISHED}), newest AS (
    SELECT DISTINCT ON (dag_id) dag_id, id FROM dag_version ORDER BY dag_id, version_number DESC
  )
  SELECT
    (SELECT count(*)::int FROM unfinished) AS runs,
    (SELECT count(*)::int FROM unfinished JOIN newest USING (dag_id)
      WHERE NOT EXISTS (
        SELECT FROM task_instance ti
         WHERE ti.dag_id = unfinished.dag_id AND ti.run_id = unfinished.run_id AND ti.dag_version_id = newest.id
           AND ${isCurrent('ti', schema)}
      )) AS older,
    (SELECT count(*)::int FROM dag_version) AS versions`;
}

/** How many tasks of unfinished runs are in each state: `state`, `n`. */
export function tasksLeft(schema: AirflowSchema): string {
  return `
  WITH unfinished AS (${UNFINISHED})
  SELECT coalesce(ti.state, 'none') AS state, count(*)::int AS n
    FROM unfinished JOIN task_instance ti USING (dag_id, run_id) WHERE ${isCurrent('ti', schema)}
   GROUP BY 1 ORDER BY 1`;
}

/** Whether Alembic notes which migration the schema is of, and which: `version`. */
export const HAS_REVISION = `SELECT 1 WHERE to_regclass('public.alembic_version') IS NOT NULL`;
export const REVISION = 'SELECT version_num AS version FROM alembic_version';

/** Runs of the DAG `$1`: `id`, `run_id`, `state`. */
export const RUNS_OF_DAG = 'SELECT id::text, run_id, state FROM dag_run WHERE dag_id = $1';
/** Its tasks, where each try has a row the newest try last: `id`, `run_id`, `task_id`, `state`. */
export const TASKS_OF_DAG = `SELECT id::text, run_id, task_id, state FROM task_instance
  WHERE dag_id = $1 ORDER BY try_number`;

function isCurrent(task: string, { rowATry }: AirflowSchema): string {
  return rowATry ? `${task}.working_set` : 'true';
}

/** How often the schedulers' "is a backfill complete?" has run, by pg_stat_statements: `calls`. */
export const BACKFILL_CHECKS = `
  SELECT coalesce(sum(calls), 0) AS calls FROM pg_stat_statements
   WHERE query ILIKE 'SELECT backfill.%completed_at IS NULL%NOT (EXISTS%FROM dag_run%'`;

/**
 * Statements of that kind on the tables that the releases have for a relation, such as `INSERT INTO xcom_v2 …`.
 * `rest`: the source of an expression for what follows.
 */
export function statementsOn(verb: 'INSERT INTO' | 'UPDATE', relation: WatchedName, rest = ''): RegExp {
  const tables = tablesOfRelation(relation).join('|');
  return new RegExp(`^\\s*${verb.replace(' ', '\\s+')}\\s+(?:${tables})\\b${rest}`, 'i');
}
