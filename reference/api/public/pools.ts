import { z } from 'zod';

import type { Tx } from '../../behaviour.ts';
import { body } from '../checked.ts';
import { field, flag, integerFrom, isDict, nullable, optional, text, textUpTo } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { invalidBody, letsThrough, logged, type PublicRoute, param, updateMask } from './route.ts';

const DEFAULT_POOL = 'default_pool';
const PATCH = z.strictObject({
  pool: optional(nullable(text), undefined),
  slots: optional(nullable(integerFrom(-1)), undefined),
  description: optional(nullable(text), undefined),
  include_deferred: optional(nullable(flag), undefined),
  team_name: optional(nullable(textUpTo(50)), undefined),
});
const POST = z.strictObject({
  name: field(textUpTo(256)),
  slots: field(integerFrom(-1)),
  description: optional(nullable(text), null),
  include_deferred: optional(flag, false),
});

interface PoolRow {
  readonly name: string;
  readonly slots: number;
  readonly description: string | null;
  readonly include_deferred: boolean;
  readonly running_slots: number;
  readonly queued_slots: number;
  readonly scheduled_slots: number;
  readonly deferred_slots: number;
}

async function findPool(db: Pick<Tx, 'query'>, name: string): Promise<Record<string, unknown>> {
  const slotsIn = (state: string) =>
    `(SELECT coalesce(sum(task_instance.pool_slots), 0) FROM task_instance
      WHERE task_instance.pool = slot_pool.pool AND task_instance.state = '${state}') AS ${state}_slots`;
  const states = ['running', 'queued', 'scheduled', 'deferred'].map(slotsIn).join(', ');
  const { rows } = await db.query<PoolRow>(
    `SELECT slot_pool.pool AS name, slot_pool.slots, slot_pool.description, slot_pool.include_deferred, ${states}
     FROM slot_pool WHERE slot_pool.pool = $1`,
    [name],
  );
  const [pool] = rows;
  if (!pool) throw Refusal.of(404, `The Pool with name: \`${name}\` was not found`);
  const occupied = pool.running_slots + pool.queued_slots + (pool.include_deferred ? pool.deferred_slots : 0);
  const open = pool.slots === -1 ? -1 : pool.slots - occupied;
  return { ...pool, occupied_slots: occupied, open_slots: open, team_name: null };
}

const getRoute: PublicRoute = {
  method: 'GET',
  path: '/pools/*',
  answer: (api, call) => findPool(api.pool, param(call, '*')),
};

const patchRoute: PublicRoute = {
  method: 'PATCH',
  path: '/pools/*',
  answer(api, call) {
    const given = body(PATCH, aliased(call.body));
    if (given.team_name !== undefined && given.team_name !== null) {
      const message = 'team_name cannot be set when multi_team mode is disabled. Please contact your administrator.';
      throw invalidBody(message, call.body);
    }
    const name = param(call, '*');
    if (given.pool && given.pool !== name) {
      throw Refusal.of(400, "Invalid body, pool name from request body doesn't match uri parameter");
    }
    return logged(api, call, 'patch_pool', (tx) => patchPool(tx, name, given, updateMask(call)));
  },
};

/** The body may use the field's name instead of its alias. */
function aliased(value: unknown): unknown {
  if (!isDict(value) || !('name' in value)) return value;
  const { name: pool, ...rest } = value;
  return { pool, ...rest };
}

async function patchPool(
  tx: Tx,
  name: string,
  given: z.infer<typeof PATCH>,
  mask: readonly string[],
): Promise<unknown> {
  await findPool(tx, name);
  const harmless = mask.length > 0 && mask.every((field) => ['slots', 'include_deferred'].includes(field.trim()));
  if (name === DEFAULT_POOL && !harmless) {
    throw Refusal.of(400, 'Only slots and included_deferred can be modified on Default Pool');
  }
  const wanted = (field: string) => letsThrough(mask, field);
  await tx.query(
    `UPDATE slot_pool SET slots = coalesce($2, slots), description = coalesce($3, description),
       include_deferred = coalesce($4, include_deferred)
     WHERE slot_pool.pool = $1`,
    [
      name,
      wanted('slots') ? (given.slots ?? null) : null,
      wanted('description') ? (given.description ?? null) : null,
      wanted('include_deferred') ? (given.include_deferred ?? null) : null,
    ],
  );
  return findPool(tx, name);
}

const postRoute: PublicRoute = {
  method: 'POST',
  path: '/pools',
  status: 201,
  answer(api, call) {
    const { name, slots, description, include_deferred } = body(POST, call.body);
    return logged(api, call, 'post_pool', async (tx) => {
      await tx.query('INSERT INTO slot_pool (pool, slots, description, include_deferred) VALUES ($1, $2, $3, $4)', [
        name,
        slots,
        description,
        include_deferred,
      ]);
      return findPool(tx, name);
    });
  },
};

export const poolRoutes: readonly PublicRoute[] = [getRoute, patchRoute, postRoute];
