import { z } from 'zod';

import { all, query } from '../checked.ts';
import { awareTime, field, integer, member, nullable, optional, text, Unfit, under } from '../fields.ts';
import { isoTime } from '../times.ts';
import { outletsRoute } from './outlets.ts';
import { type Call, param, type Route } from './route.ts';
import { findTaskInstance } from './task-instance.ts';

/** A query parameter that may come once or several times. */
export function each<T>(read: (value: unknown) => T | Unfit): (value: unknown) => readonly T[] | Unfit {
  return (value) => {
    const items = (Array.isArray(value) ? value : [value]).map((item) => read(item));
    const problems = items.flatMap((item, i) => (item instanceof Unfit ? under(item.problems, [i]) : []));
    return problems.length > 0 ? new Unfit(problems) : (items as T[]);
  };
}

const FILTER = {
  dag_id: field(text),
  map_index: optional(nullable(integer), null),
  task_ids: optional(each(text), null),
  task_group_id: optional(nullable(text), null),
  logical_dates: optional(each(awareTime), null),
  run_ids: optional(each(text), null),
};
const STATES_QUERY = z.object(FILTER);
const COUNT_QUERY = z.object({ ...FILTER, states: optional(each(text), null) });
const PREVIOUS_QUERY = z.object({
  logical_date: optional(awareTime, null),
  map_index: optional(integer, -1),
  state: optional(text, null),
});

const MATCHES = `task_instance.dag_id = $1
  AND ($2::text[] IS NULL OR task_instance.task_id = ANY ($2))
  AND ($3::int IS NULL OR task_instance.map_index = $3)
  AND ($4::text[] IS NULL OR task_instance.run_id = ANY ($4))
  AND ($5::timestamptz[] IS NULL OR EXISTS (SELECT 1 FROM dag_run WHERE dag_run.dag_id = task_instance.dag_id
    AND dag_run.run_id = task_instance.run_id AND dag_run.logical_date = ANY ($5)))`;

function matching(filter: z.infer<typeof STATES_QUERY>): unknown[] {
  return [filter.dag_id, filter.task_ids, filter.map_index, filter.run_ids, filter.logical_dates];
}

const countRoute: Route = {
  method: 'GET',
  path: '/task-instances/count',
  async answer(api, call) {
    const [filter] = all(query(COUNT_QUERY, call.query));
    const { rows } = await api.pool.query<{ count: number }>(
      `SELECT count(*) AS count FROM task_instance WHERE ${MATCHES}
       AND ($6::text[] IS NULL OR coalesce(task_instance.state, 'null') = ANY ($6))`,
      [...matching(filter), filter.states],
    );
    return { status: 200, body: rows[0]?.count ?? 0 };
  },
};

const statesRoute: Route = {
  method: 'GET',
  path: '/task-instances/states',
  async answer(api, call) {
    const [filter] = all(query(STATES_QUERY, call.query));
    const { rows } = await api.pool.query<{ run_id: string; task_id: string; map_index: number; state: string | null }>(
      `SELECT task_instance.run_id, task_instance.task_id, task_instance.map_index, task_instance.state
       FROM task_instance WHERE ${MATCHES}`,
      matching(filter),
    );
    const states: Record<string, Record<string, string | null>> = {};
    for (const { run_id, task_id, map_index, state } of rows) {
      const run = states[run_id] ?? {};
      run[map_index < 0 ? task_id : `${task_id}_${map_index}`] = state;
      states[run_id] = run;
    }
    return { status: 200, body: { task_states: states } };
  },
};

const breadcrumbsRoute: Route = {
  method: 'GET',
  path: '/task-instances/breadcrumbs',
  async answer(api, call) {
    const [{ dag_id, run_id }] = all(query(z.object({ dag_id: field(text), run_id: field(text) }), call.query));
    const { rows } = await api.pool.query(
      `SELECT task_instance.task_id, task_instance.map_index, task_instance.state, task_instance.operator,
         task_instance.duration
       FROM task_instance WHERE task_instance.dag_id = $1 AND task_instance.run_id = $2
         AND task_instance.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')
       ORDER BY task_instance.task_id, task_instance.map_index`,
      [dag_id, run_id],
    );
    return { status: 200, body: { breadcrumbs: rows } };
  },
};

const previousRoute: Route = {
  method: 'GET',
  path: '/task-instances/previous/:dag/:task',
  async answer(api, call) {
    const [{ logical_date, map_index, state }] = all(query(PREVIOUS_QUERY, call.query));
    const { rows } = await api.pool.query<Record<string, unknown>>(
      `SELECT ti.task_id, ti.dag_id, ti.run_id, dag_run.logical_date, ti.start_date, ti.end_date, ti.state,
         ti.try_number, ti.map_index, ti.duration
       FROM task_instance AS ti JOIN dag_run ON ti.dag_id = dag_run.dag_id AND ti.run_id = dag_run.run_id
       WHERE ti.dag_id = $1 AND ti.task_id = $2 AND ti.map_index = $3
         AND ($4::timestamptz IS NULL OR dag_run.logical_date < $4) AND ($5::text IS NULL OR ti.state = $5)
       ORDER BY dag_run.logical_date DESC LIMIT 1`,
      [param(call, 'dag'), param(call, 'task'), map_index, logical_date, state],
    );
    return { status: 200, body: rows[0] ? withTimes(rows[0]) : null };
  },
};

const previousSuccessfulRoute: Route = {
  method: 'GET',
  path: '/task-instances/:id/previous-successful-dagrun',
  self: true,
  async answer(api, call) {
    const nothing = { data_interval_start: null, data_interval_end: null, start_date: null, end_date: null };
    const ti = await findTaskInstance(api.pool, param(call, 'id'));
    if (!ti) return { status: 200, body: nothing };
    const { rows } = await api.pool.query<Record<string, unknown>>(
      `SELECT earlier.data_interval_start, earlier.data_interval_end, earlier.start_date, earlier.end_date
       FROM dag_run AS earlier JOIN dag_run AS own ON own.dag_id = earlier.dag_id AND own.run_id = $2
       WHERE earlier.dag_id = $1 AND earlier.logical_date < own.logical_date AND earlier.state = 'success'
       ORDER BY earlier.logical_date DESC LIMIT 1`,
      [ti.dag_id, ti.run_id],
    );
    return { status: 200, body: rows[0] ? withTimes(rows[0]) : nothing };
  },
};

const rescheduleStartRoute: Route = {
  method: 'GET',
  path: '/task-reschedules/:id/start_date',
  self: true,
  async answer(api, call: Call) {
    const { rows } = await api.pool.query<{ start_date: Date }>(
      `SELECT task_reschedule.start_date FROM task_reschedule WHERE task_reschedule.ti_id = $1
       ORDER BY task_reschedule.id ASC LIMIT 1`,
      [param(call, 'id')],
    );
    return { status: 200, body: rows[0] ? isoTime(rows[0].start_date) : null };
  },
};

function withTimes(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, value instanceof Date ? isoTime(value) : value]),
  );
}

export const DAG_RUN_STATE = member('queued', 'running', 'success', 'failed');

export const queryRoutes: readonly Route[] = [
  countRoute,
  statesRoute,
  breadcrumbsRoute,
  previousRoute,
  previousSuccessfulRoute,
  outletsRoute,
  rescheduleStartRoute,
];
