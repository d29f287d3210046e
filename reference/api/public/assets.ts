import { z } from 'zod';
import { registerAssetEvent } from '../asset-events.ts';
import { all, body, query } from '../checked.ts';
import { each } from '../execution/queries.ts';
import { dict, field, integerFrom, nullable, optional, text } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { shown } from './answers.ts';
import { logged, type PublicRoute } from './route.ts';

const EVENT = z.strictObject({
  asset_id: field(integerFrom(0)),
  partition_key: optional(nullable(text), null),
  extra: optional(dict, {}),
});
const LIST_QUERY = z.object({ limit: optional(integerFrom(0), 50), dag_ids: optional(each(text), null) });
/** [api] maximum_page_limit. */
const MOST = 100;

const listRoute: PublicRoute = {
  method: 'GET',
  path: '/assets',
  async answer(api, call) {
    const [asked] = all(query(LIST_QUERY, call.query));
    const { rows } = await api.pool.query<Record<string, unknown>>(
      `SELECT asset.id, asset.name, asset.uri, asset."group", asset.created_at, asset.updated_at FROM asset
       WHERE $1::text[] IS NULL OR EXISTS (SELECT FROM dag_schedule_asset_reference AS waits
         WHERE waits.asset_id = asset.id AND waits.dag_id = ANY ($1))
       ORDER BY asset.id LIMIT $2`,
      [asked.dag_ids, Math.min(asked.limit || MOST, MOST)],
    );
    return { assets: rows.map(shown), total_entries: rows.length };
  },
};

const eventRoute: PublicRoute = {
  method: 'POST',
  path: '/assets/events',
  async answer(api, call) {
    const given = body(EVENT, call.body);
    return logged(api, call, 'create_asset_event', async (tx) => {
      const { rows } = await tx.query<{ name: string }>('SELECT asset.name FROM asset WHERE asset.id = $1', [
        given.asset_id,
      ]);
      const event = rows[0] && (await registerAssetEvent(tx, api.behaviour, rows[0].name, undefined));
      if (!event) throw Refusal.of(404, `Asset with ID: \`${given.asset_id}\` was not found`);
      return shown({ ...event, created_dagruns: [] });
    });
  },
};

/** What the harness asks of them; filters, aliases and queued events are left out. */
export const assetRoutes: readonly PublicRoute[] = [listRoute, eventRoute];
