import { z } from 'zod';

import type { Tx } from '../../behaviour.ts';
import { all, body, query } from '../checked.ts';
import { field, flag, integerFrom, nullable, optional, text } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { shown } from './answers.ts';
import { letsThrough, logged, type PublicRoute, param, updateMask } from './route.ts';

const PATCH = z.strictObject({ is_paused: field(flag) });
const LIST_QUERY = z.object({
  limit: optional(integerFrom(0), 50),
  offset: optional(integerFrom(0), 0),
  paused: optional(nullable(flag), null),
  exclude_stale: optional(flag, true),
  dag_id_pattern: optional(nullable(text), null),
});
/** [api] maximum_page_limit. */
const MOST = 100;

const COLUMNS = `dag.dag_id, coalesce(dag.dag_display_name, dag.dag_id) AS dag_display_name, dag.is_paused,
  dag.is_stale, dag.last_parsed_time, dag.last_parse_duration, dag.last_expired, dag.bundle_name, dag.bundle_version,
  dag.relative_fileloc, coalesce(dag.fileloc, '') AS fileloc, dag.description, dag.timetable_summary,
  NULL AS timetable_description, dag.timetable_partitioned, dag.timetable_periodic, ARRAY[]::text[] AS tags,
  dag.max_active_tasks, dag.max_active_runs, dag.max_consecutive_failed_dag_runs, dag.has_task_concurrency_limits,
  coalesce(dag.has_import_errors, false) AS has_import_errors, dag.next_dagrun AS next_dagrun_logical_date,
  dag.next_dagrun_data_interval_start, dag.next_dagrun_data_interval_end,
  dag.next_dagrun_create_after AS next_dagrun_run_after, dag.allowed_run_types,
  CASE WHEN dag.owners IS NULL THEN ARRAY[]::text[] ELSE string_to_array(dag.owners, ', ') END AS owners,
  dag.timetable_periodic AS is_backfillable, '' AS file_token`;

async function findDag(db: Pick<Tx, 'query'>, dagId: string): Promise<Record<string, unknown>> {
  const { rows } = await db.query<Record<string, unknown>>(`SELECT ${COLUMNS} FROM dag WHERE dag.dag_id = $1`, [dagId]);
  if (!rows[0]) throw Refusal.of(404, `Dag with id: ${dagId} was not found`);
  return shown(rows[0]);
}

const listRoute: PublicRoute = {
  method: 'GET',
  path: '/dags',
  async answer(api, call) {
    const [asked] = all(query(LIST_QUERY, call.query));
    const where = `($1::bool IS NULL OR dag.is_paused = $1) AND (NOT $2 OR NOT dag.is_stale)
      AND ($3::text IS NULL OR $3 = '~' OR dag.dag_id ILIKE '%' || $3 || '%')`;
    const parameters = [asked.paused, asked.exclude_stale, asked.dag_id_pattern];
    const total = await api.pool.query<{ count: number }>(`SELECT count(*) FROM dag WHERE ${where}`, parameters);
    const { rows } = await api.pool.query<Record<string, unknown>>(
      `SELECT ${COLUMNS} FROM dag WHERE ${where} ORDER BY dag.dag_id LIMIT $4 OFFSET $5`,
      [...parameters, Math.min(asked.limit || MOST, MOST), asked.offset],
    );
    return { dags: rows.map(shown), total_entries: total.rows[0]?.count ?? 0 };
  },
};

const getRoute: PublicRoute = {
  method: 'GET',
  path: '/dags/:dag',
  answer: (api, call) => findDag(api.pool, param(call, 'dag')),
};

const patchRoute: PublicRoute = {
  method: 'PATCH',
  path: '/dags/:dag',
  answer(api, call) {
    const { is_paused } = body(PATCH, call.body);
    const dagId = param(call, 'dag');
    const mask = updateMask(call);
    return logged(api, call, 'patch_dag', async (tx) => {
      await findDag(tx, dagId);
      if (mask.length > 1 || !letsThrough(mask, 'is_paused')) {
        throw Refusal.of(400, 'Only `is_paused` field can be updated through the REST API');
      }
      await tx.query('UPDATE dag SET is_paused = $2 WHERE dag.dag_id = $1 AND dag.is_paused <> $2', [dagId, is_paused]);
      return findDag(tx, dagId);
    });
  },
};

export const dagRoutes: readonly PublicRoute[] = [listRoute, getRoute, patchRoute];
