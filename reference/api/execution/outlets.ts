import { latestDag } from '../../dags/serialized-dag.ts';
import { connected } from '../api.ts';
import { param, type Route } from './route.ts';
import { findTaskInstance, gone } from './task-instance.ts';

/** Outlets that no DAG which is known has any more. Those of the factory are known as long as their DAG is. */
export const outletsRoute: Route = {
  method: 'GET',
  path: '/task-instances/:id/validate-inlets-and-outlets',
  self: true,
  async answer(api, call) {
    const ti = await findTaskInstance(api.pool, param(call, 'id'));
    if (!ti) return gone(api, 'validate-inlets-and-outlets', false);
    const dag = await connected(api, (db) => latestDag(db, ti.dag_id));
    const { outlets = [] } = dag?.json.tasks.find(({ task_id }) => task_id === ti.task_id) ?? {};
    const { rows } = await api.pool.query<{ name: string }>(
      `SELECT wanted.name FROM unnest($1::text[]) AS wanted(name)
       WHERE NOT EXISTS (
         SELECT FROM asset_active WHERE asset_active.name = wanted.name AND asset_active.uri = wanted.name)`,
      [outlets],
    );
    const inactive_assets = rows.map(({ name }) => ({ name, uri: name, type: 'Asset' }));
    return { status: 200, body: { inactive_assets } };
  },
};
