import { z } from 'zod';
import { latestDag } from '../../dags/serialized-dag.ts';
import { transaction } from '../../database/connect.ts';
import type { Api } from '../api.ts';
import { all, query, read } from '../checked.ts';
import { field, integerFrom, optional, text } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { isoTime } from '../times.ts';
import { findBackfill, listBackfills } from './answers.ts';
import { backfillBody } from './backfill-body.ts';
import { backfillDates, checkedDates, createBackfill, noSuchDag, wouldCreate } from './create-backfill.ts';
import { logAction, logged, type PublicCall, type PublicRoute, param } from './route.ts';

const LIST_QUERY = z.object({
  dag_id: field(text),
  limit: optional(integerFrom(0), 50),
  offset: optional(integerFrom(0), 0),
});

const createRoute: PublicRoute = {
  method: 'POST',
  path: '/backfills',
  async answer(api, call) {
    const id = await createBackfill(api, backfillBody(call), call.user);
    await logAction(api.pool, call, 'create_backfill');
    return findBackfill(api.pool, id);
  },
};

const dryRunRoute: PublicRoute = {
  method: 'POST',
  path: '/backfills/dry_run',
  answer(api, call) {
    const given = backfillBody(call);
    return transaction(api.pool, async (tx) => {
      if (!(await latestDag(tx, given.dag_id))) throw noSuchDag(given.dag_id);
      checkedDates(given);
      const dates: unknown[] = [];
      for (const date of backfillDates(given)) {
        if (await wouldCreate(tx, given, date)) {
          dates.push({ logical_date: isoTime(date), partition_key: null, partition_date: null });
        }
      }
      return { backfills: dates, total_entries: dates.length };
    });
  },
};

const listRoute: PublicRoute = {
  method: 'GET',
  path: '/backfills',
  answer(api, call) {
    const [{ dag_id, limit, offset }] = all(query(LIST_QUERY, call.query));
    return listBackfills(api.pool, dag_id, Math.min(limit || 100, 100), offset);
  },
};

function idOf(call: PublicCall): number {
  return all(read(field(integerFrom(0)), param(call, 'id'), ['path', 'backfill_id']))[0];
}

const getRoute: PublicRoute = {
  method: 'GET',
  path: '/backfills/:id',
  async answer(api, call) {
    const found = await findBackfill(api.pool, idOf(call));
    if (!found) throw Refusal.of(404, 'Backfill not found');
    return found;
  },
};

function pauseRoute(verb: 'pause' | 'unpause'): PublicRoute {
  return {
    method: 'PUT',
    path: `/backfills/:id/${verb}`,
    answer(api, call) {
      const id = idOf(call);
      return logged(api, call, `${verb}_backfill`, async (tx) => {
        const found = await activeBackfill(tx, id);
        const paused = verb === 'pause';
        if (found.is_paused !== paused) {
          await tx.query('UPDATE backfill SET is_paused = $2, updated_at = now() WHERE backfill.id = $1', [id, paused]);
        }
        return findBackfill(tx, id);
      });
    },
  };
}

async function activeBackfill(db: Pick<Api['pool'], 'query'>, id: number) {
  const found = await findBackfill(db, id);
  if (!found) throw Refusal.of(404, 'Backfill not found');
  if (found.completed_at !== null) throw Refusal.of(409, 'Backfill is already completed.');
  return found;
}

/** Three transactions: no more runs may start before those that wait are failed, and only then it is over. */
const cancelRoute: PublicRoute = {
  method: 'PUT',
  path: '/backfills/:id/cancel',
  async answer(api, call) {
    const id = idOf(call);
    await activeBackfill(api.pool, id);
    await api.pool.query(
      'UPDATE backfill SET is_paused = true, updated_at = now() WHERE backfill.id = $1 AND is_paused IS NOT TRUE',
      [id],
    );
    await api.pool.query(
      `UPDATE dag_run SET state = 'failed', updated_at = now() WHERE dag_run.id IN (
         SELECT backfill_dag_run.dag_run_id FROM backfill_dag_run WHERE backfill_dag_run.backfill_id = $1)
       AND dag_run.state = 'queued'`,
      [id],
    );
    return logged(api, call, 'cancel_backfill', async (tx) => {
      await tx.query('UPDATE backfill SET completed_at = now(), updated_at = now() WHERE backfill.id = $1', [id]);
      return findBackfill(tx, id);
    });
  },
};

export const backfillRoutes: readonly PublicRoute[] = [
  createRoute,
  dryRunRoute,
  listRoute,
  getRoute,
  pauseRoute('pause'),
  pauseRoute('unpause'),
  cancelRoute,
];
