import type pg from 'pg';

import type { Json, Mask } from './observation.ts';

/** A task that began when the dialogues say, and ended now. */
const MONTH_S = 30 * 86_400;

interface RunKey {
  readonly dagId: string;
  readonly runId: string;
}

/**
 * What the requests left in the database for one run: its state, and of each task instance what a worker or a scheduler
 * reads. Values that are null, false or empty are left out, so that a difference stands out.
 */
export async function readRows(
  db: pg.Pool,
  { dagId, runId }: RunKey,
  tasks: readonly string[] | undefined,
  mask: Mask,
): Promise<Json> {
  const key = [dagId, runId];
  const instances = await db.query<Record<string, unknown>>(
    `SELECT ti.task_id, ti.map_index, ti.id::text AS id, ti.state, try_number, max_tries, hostname, unixname, pid,
       ti.start_date, ti.end_date, round(ti.duration) AS duration, ti.last_heartbeat_at IS NOT NULL AS heartbeat,
       next_method, next_kwargs, trigger.classpath AS trigger, trigger_timeout, rendered_map_index,
       (SELECT count(*)::int FROM task_reschedule WHERE ti_id = ti.id) AS reschedules,
       (SELECT rendered_fields FROM rendered_task_instance_fields rtif WHERE rtif.dag_id = ti.dag_id
          AND rtif.run_id = ti.run_id AND rtif.task_id = ti.task_id AND rtif.map_index = ti.map_index) AS rtif,
       (SELECT json_object_agg(xcom.key, xcom.value ORDER BY xcom.key) FROM xcom WHERE xcom.dag_id = ti.dag_id
          AND xcom.run_id = ti.run_id AND xcom.task_id = ti.task_id AND xcom.map_index = ti.map_index) AS xcom
     FROM task_instance ti LEFT JOIN trigger ON trigger.id = ti.trigger_id
     WHERE ti.dag_id = $1 AND ti.run_id = $2 ORDER BY task_id, ti.map_index`,
    key,
  );
  const history = await db.query<Record<string, unknown>>(
    `SELECT task_id, map_index, task_instance_id::text AS id, try_number, state, hostname, pid, start_date, end_date,
       round(duration) AS duration
     FROM task_instance_history WHERE dag_id = $1 AND run_id = $2 ORDER BY task_id, map_index, try_number`,
    key,
  );
  const runs = await db.query<Record<string, unknown>>(
    'SELECT state, run_type, clear_number FROM dag_run WHERE dag_id = $1 AND run_id = $2',
    key,
  );
  const shown: Record<string, unknown> = { dag_run: runs.rows.map(withoutEmpty)[0] ?? 'none' };
  for (const { task_id, map_index, ...row } of instances.rows) {
    if (tasks !== undefined && !tasks.includes(String(task_id))) continue;
    const past = history.rows
      .filter((old) => old.task_id === task_id && old.map_index === map_index)
      .map(({ task_id: _task, map_index: _map, ...old }) => withoutEmpty(old));
    // Which user Airflow names before a start is the one that runs it.
    const { hostname, unixname, ...rest } = row;
    shown[nameOf(task_id, map_index)] = withoutEmpty({
      ...rest,
      ...(hostname ? { hostname, unixname } : {}),
      history: past,
    });
  }
  return mask.json(shown);
}

/** The backfills of a DAG, their runs, and all runs, whichever request made them. */
export async function readBackfills(db: pg.Pool, dagId: string, mask: Mask): Promise<Json> {
  const backfills = await db.query<Record<string, unknown>>(
    `SELECT from_date, to_date, is_paused, reprocess_behavior, max_active_runs, completed_at,
       (SELECT json_agg(json_build_object('sort_ordinal', sort_ordinal, 'logical_date', b.logical_date,
          'exception_reason', exception_reason, 'run', dag_run.run_id, 'state', dag_run.state) ORDER BY sort_ordinal)
        FROM backfill_dag_run b LEFT JOIN dag_run ON dag_run.id = b.dag_run_id
        WHERE b.backfill_id = backfill.id) AS runs
     FROM backfill WHERE dag_id = $1 ORDER BY id`,
    [dagId],
  );
  const runs = await db.query<Record<string, unknown>>(
    `SELECT run_id, run_type, state, logical_date, data_interval_start, data_interval_end,
       (SELECT count(*)::int FROM task_instance ti WHERE ti.dag_id = dag_run.dag_id AND ti.run_id = dag_run.run_id)
         AS task_instances
     FROM dag_run WHERE dag_id = $1 ORDER BY run_id`,
    [dagId],
  );
  return mask.json({ backfills: backfills.rows.map(withoutEmpty), runs: runs.rows.map(withoutEmpty) });
}

function nameOf(taskId: unknown, mapIndex: unknown): string {
  return mapIndex === -1 ? String(taskId) : `${taskId}[${mapIndex}]`;
}

function withoutEmpty(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row)
      .filter(
        ([, value]) =>
          value !== null &&
          value !== false &&
          value !== '' &&
          value !== 0 &&
          !(Array.isArray(value) && value.length === 0),
      )
      .map(([key, value]) => [key, key === 'duration' && Number(value) > MONTH_S ? 'until now' : value]),
  );
}
