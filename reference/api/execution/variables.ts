import { z } from 'zod';

import { writing } from '../api.ts';
import { all, query, readBody } from '../checked.ts';
import { field, integerFrom, isDict, nullable, optional, text, Unfit } from '../fields.ts';
import { notFound } from '../refusal.ts';
import { type Call, param, type Route } from './route.ts';

const PATH = '/variables/*';
const VARIABLE = z.strictObject({ val: field(nullable(text)), description: optional(nullable(text), null) });
const KEYS_QUERY = z.object({
  prefix: optional(nullable(text), null),
  limit: optional(integerFrom(1, 10_000), 1000),
  offset: optional(integerFrom(0), 0),
});

/** The key, or what FastAPI says of an empty one: twice, because the route and its access check both ask for it. */
function keyOf(call: Call): string | Unfit {
  const key = param(call, '*');
  if (key !== '') return key;
  const msg = 'String should have at least 1 character';
  const problem = { type: 'string_too_short', loc: ['path', 'variable_key'], msg, input: '', ctx: { min_length: 1 } };
  return new Unfit([problem, problem]);
}

/** The body may use the field's name instead of its alias. */
function aliased(value: unknown): unknown {
  if (!isDict(value) || 'val' in value || !('value' in value)) return value;
  const { value: val, ...rest } = value;
  return { val, ...rest };
}

const keysRoute: Route = {
  method: 'GET',
  path: '/variables/keys',
  since: '2026-06-30',
  async answer(api, call) {
    const [{ prefix, limit, offset }] = all(query(KEYS_QUERY, call.query));
    const { rows } = await api.pool.query<{ key: string }>(
      'SELECT variable.key FROM variable WHERE $1::text IS NULL OR starts_with(variable.key, $1) ORDER BY variable.key',
      [prefix],
    );
    const keys = rows.map(({ key }) => key);
    return { status: 200, body: { keys: keys.slice(offset, offset + limit), total_entries: keys.length } };
  },
};

const getRoute: Route = {
  method: 'GET',
  path: PATH,
  async answer(api, call) {
    const [key] = all(keyOf(call));
    const { rows } = await api.pool.query<{ val: string }>(
      'SELECT variable.val FROM variable WHERE variable.key = $1',
      [key],
    );
    if (!rows[0]) throw notFound(`Variable with key '${key}' not found`);
    return { status: 200, body: { key, value: rows[0].val } };
  },
};

const putRoute: Route = {
  method: 'PUT',
  path: PATH,
  async answer(api, call) {
    const [key, { val, description }] = all(keyOf(call), readBody(VARIABLE, aliased(call.body)));
    return writing(api, 'variable_put', async (tx) => {
      await tx.query(
        `INSERT INTO variable (key, val, description, is_encrypted) VALUES ($1, $2, $3, false)
         ON CONFLICT (key) DO UPDATE SET val = excluded.val, description = excluded.description`,
        [key, val ?? 'null', description],
      );
      return { status: 201, body: { message: 'Variable successfully set' } };
    });
  },
};

const deleteRoute: Route = {
  method: 'DELETE',
  path: PATH,
  async answer(api, call) {
    const [key] = all(keyOf(call));
    return writing(api, 'variable_delete', async (tx) => {
      await tx.query('DELETE FROM variable WHERE variable.key = $1', [key]);
      return { status: 204 };
    });
  },
};

const connectionRoute: Route = {
  method: 'GET',
  path: '/connections/:connection',
  async answer(api, call) {
    const id = param(call, 'connection');
    const { rows } = await api.pool.query(
      `SELECT conn_id, conn_type, host, schema, login, password, port, extra FROM connection WHERE conn_id = $1`,
      [id],
    );
    if (!rows[0]) throw notFound(`Connection with ID ${id} not found`);
    return { status: 200, body: rows[0] };
  },
};

export const variableRoutes: readonly Route[] = [keysRoute, getRoute, putRoute, deleteRoute, connectionRoute];
