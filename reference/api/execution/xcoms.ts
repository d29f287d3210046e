import { z } from 'zod';

import type { Reply } from '../../behaviour.ts';
import { type Api, writing } from '../api.ts';
import { all, query, read } from '../checked.ts';
import { field, flag, integer, nullable, optional } from '../fields.ts';
import { notFound, Refusal } from '../refusal.ts';
import { type Call, param, type Route } from './route.ts';

const PATH = '/xcoms/:dag/:run/:task/*';
const ITEM = /^(.+)\/item\/([^/]+)$/;
const SLICE = /^(.+)\/slice$/;
/** [core] max_map_length. */
const MAX_MAP_LENGTH = 1024;

const HEAD_QUERY = z.object({ map_index: optional(nullable(integer), null) });
const GET_QUERY = z.object({
  map_index: optional(integer, -1),
  include_prior_dates: optional(flag, false),
  offset: optional(nullable(integer), null),
});
const SLICE_QUERY = z.object({
  start: optional(nullable(integer), null),
  stop: optional(nullable(integer), null),
  step: optional(nullable(integer), null),
  include_prior_dates: optional(flag, false),
});
const SET_QUERY = z.object({
  map_index: optional(integer, -1),
  dag_result: optional(flag, false),
  mapped_length: optional(nullable(integer), null),
});
const DELETE_QUERY = z.object({ map_index: optional(integer, -1) });

interface Place {
  readonly dag: string;
  readonly run: string;
  readonly task: string;
  readonly key: string;
}

function placeOf(call: Call, key = param(call, '*')): Place {
  return { dag: param(call, 'dag'), run: param(call, 'run'), task: param(call, 'task'), key };
}

/** The values of one key, of this run or, with `prior`, of the newest run until this one's date that has one. */
function values(place: Place, prior: boolean): { readonly where: string; readonly parameters: readonly string[] } {
  const own = 'xcom.dag_id = $1 AND xcom.task_id = $2 AND xcom.key = $3';
  const runs = prior
    ? `xcom.dag_run_id IN (SELECT earlier.id FROM dag_run AS earlier, dag_run AS own
         WHERE own.dag_id = $1 AND own.run_id = $4 AND earlier.dag_id = $1
           AND (earlier.id = own.id OR earlier.logical_date < own.logical_date))`
    : 'xcom.run_id = $4';
  return { where: `${own} AND ${runs}`, parameters: [place.dag, place.task, place.key, place.run] };
}

const headRoute: Route = {
  method: 'HEAD',
  path: PATH,
  async answer(api, call) {
    const [{ map_index }] = all(query(HEAD_QUERY, call.query));
    if (map_index !== null) {
      const message = 'Cannot specify map_index in a HEAD request';
      throw Refusal.of(400, { reason: 'invalid_request', message });
    }
    const { where, parameters } = values(placeOf(call), false);
    const found = await api.pool.query<{ count: number }>(`SELECT count(*) FROM xcom WHERE ${where}`, [...parameters]);
    const headers = { 'content-range': `map_indexes ${found.rows[0]?.count ?? 0}` };
    return { status: 200, headers, body: null };
  },
};

const getRoute: Route = {
  method: 'GET',
  path: PATH,
  answer(api, call) {
    const [, itemKey, offset] = ITEM.exec(param(call, '*')) ?? [];
    if (itemKey !== undefined) return getItem(api, placeOf(call, itemKey), offset ?? '');
    const [, sliceKey] = SLICE.exec(param(call, '*')) ?? [];
    if (sliceKey !== undefined) return getSlice(api, placeOf(call, sliceKey), call);
    return getOne(api, placeOf(call), call);
  },
};

async function getOne(api: Api, place: Place, call: Call): Promise<Reply> {
  const [{ map_index, include_prior_dates, offset }] = all(query(GET_QUERY, call.query));
  const { where, parameters } = values(place, include_prior_dates);
  const { rows } =
    offset === null
      ? await api.pool.query<{ value: unknown }>(
          `SELECT xcom.value FROM xcom JOIN dag_run ON xcom.dag_run_id = dag_run.id
           WHERE ${where} AND xcom.map_index = $5 ORDER BY dag_run.logical_date DESC, xcom.timestamp DESC LIMIT 1`,
          [...parameters, map_index],
        )
      : await nth(api, `${where} AND xcom.value IS NOT NULL`, parameters, offset);
  if (rows[0]) return { status: 200, body: { key: place.key, value: rows[0].value } };
  const which = offset === null ? `map_index=${map_index}` : `offset=${offset}`;
  throw noXcom(place, which);
}

function noXcom({ key, task, run, dag }: Place, which: string): Refusal {
  return notFound(`XCom with key='${key}' ${which} not found for task '${task}' in DAG run '${run}' of '${dag}'`);
}

function nth(api: Api, where: string, parameters: readonly string[], offset: number) {
  const [order, skip] = offset >= 0 ? ['ASC', offset] : ['DESC', -1 - offset];
  return api.pool.query<{ value: unknown }>(
    `SELECT xcom.value FROM xcom WHERE ${where} ORDER BY xcom.map_index ${order} LIMIT 1 OFFSET $5`,
    [...parameters, skip],
  );
}

async function getItem(api: Api, place: Place, text: string): Promise<Reply> {
  const [offset] = all(read(field(integer), text, ['path', 'offset']));
  const { where, parameters } = values(place, false);
  const { rows } = await nth(api, where, parameters, offset);
  if (rows[0]) return { status: 200, body: rows[0].value };
  throw noXcom(place, `offset=${offset}`);
}

/** Python's `list[start:stop:step]` over the mapped values. */
async function getSlice(api: Api, place: Place, call: Call): Promise<Reply> {
  const [{ start, stop, step, include_prior_dates }] = all(query(SLICE_QUERY, call.query));
  const { where, parameters } = values(place, include_prior_dates);
  const { rows } = await api.pool.query<{ value: unknown }>(
    `SELECT xcom.value FROM xcom WHERE ${where} ORDER BY xcom.map_index ASC`,
    [...parameters],
  );
  const stride = step || 1;
  const list = stride > 0 ? rows : rows.toReversed();
  // Backwards, the bounds count from the other end.
  const bound = (at: number | null) => (at === null ? undefined : stride > 0 ? at : -1 - at);
  const body = list
    .slice(bound(start), bound(stop))
    .filter((_, i) => i % Math.abs(stride) === 0)
    .map(({ value }) => value);
  return { status: 200, body };
}

const setRoute: Route = {
  method: 'POST',
  path: PATH,
  async answer(api, call) {
    const [{ map_index, dag_result, mapped_length }] = all(query(SET_QUERY, call.query));
    if (mapped_length !== null && mapped_length > MAX_MAP_LENGTH) {
      const message = "pushed value is too large to map as a downstream's dependency";
      throw Refusal.of(400, { reason: 'unmappable_return_value_length', message });
    }
    const { dag, run, task, key } = placeOf(call);
    return writing(api, 'xcom_push', async (tx) => {
      // Waits for a deletion of the task, after which the run is gone. Airflow does not, and answers 500.
      await tx.query({
        name: 'xcom-keep-task',
        text: `SELECT task_instance.id FROM task_instance WHERE task_instance.dag_id = $1 AND task_instance.run_id = $2
          AND task_instance.task_id = $3 AND task_instance.map_index = $4 FOR KEY SHARE`,
        values: [dag, run, task, map_index],
      });
      const { rows } = await tx.query<{ id: number }>({
        name: 'xcom-dag-run',
        text: 'SELECT dag_run.id FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2',
        values: [dag, run],
      });
      if (!rows[0]) throw Refusal.of(404, `DAG run not found on DAG '${dag}' with ID '${run}'`);
      await deleteXcom(tx, { dag, run, task, key }, map_index);
      await tx.query({
        name: 'xcom-insert',
        text: `INSERT INTO xcom (dag_run_id, task_id, map_index, key, dag_result, dag_id, run_id, value, timestamp)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())`,
        values: [rows[0].id, task, map_index, key, dag_result, dag, run, JSON.stringify(call.body ?? null)],
      });
      return { status: 201, body: { message: 'XCom successfully set' } };
    });
  },
};

const deleteRoute: Route = {
  method: 'DELETE',
  path: PATH,
  async answer(api, call) {
    const [{ map_index }] = all(query(DELETE_QUERY, call.query));
    const place = placeOf(call);
    return writing(api, 'xcom_clear', async (tx) => {
      await deleteXcom(tx, place, map_index);
      return { status: 200, body: { message: `XCom with key: ${place.key} successfully deleted.` } };
    });
  },
};

async function deleteXcom(tx: Pick<Api['pool'], 'query'>, place: Place, mapIndex: number): Promise<void> {
  await tx.query({
    name: 'xcom-delete',
    text: `DELETE FROM xcom WHERE xcom.key = $1 AND xcom.run_id = $2 AND xcom.task_id = $3 AND xcom.dag_id = $4
      AND xcom.map_index = $5`,
    values: [place.key, place.run, place.task, place.dag, mapIndex],
  });
}

export const xcomRoutes: readonly Route[] = [headRoute, getRoute, setRoute, deleteRoute];
