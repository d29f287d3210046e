import { z } from 'zod';

import type { Reply, Tx } from '../../behaviour.ts';
import { type Api, writing } from '../api.ts';
import { body } from '../checked.ts';
import { lockRun } from '../clear.ts';
import { field, type TaskMarker, taskMarkers } from '../fields.ts';
import { param, type Route } from './route.ts';
import { gone } from './task-instance.ts';

const SKIP = z.strictObject({ tasks: field(taskMarkers) });

export const skipDownstreamRoute: Route = {
  method: 'PATCH',
  path: '/task-instances/:id/skip-downstream',
  self: true,
  answer(api, call) {
    const { tasks } = body(SKIP, call.body);
    return writing(api, 'skip_downstream', (tx) => skip(api, tx, param(call, 'id'), tasks));
  },
};

async function skip(api: Api, tx: Tx, id: string, tasks: readonly TaskMarker[]): Promise<Reply> {
  const { rows } = await tx.query<{ dag_id: string; run_id: string }>(
    'SELECT task_instance.dag_id, task_instance.run_id FROM task_instance WHERE task_instance.id = $1',
    [id],
  );
  const branch = rows[0] ?? gone(api, 'skip-downstream', false);
  // Holding one row while waiting for the next can close a circle with the scheduler, which locks a run's rows in an
  // order of its own; but never before the run. Airflow takes that risk.
  if (tasks.length > 1) await lockRun(tx, branch);
  const markers = tasks.map((marker) => (typeof marker === 'string' ? ([marker, -1] as const) : marker));
  await tx.query(
    `UPDATE task_instance SET state = 'skipped', start_date = now(), end_date = now(), updated_at = now()
     WHERE task_instance.dag_id = $1 AND task_instance.run_id = $2
       AND (task_instance.task_id, task_instance.map_index) IN (SELECT * FROM unnest($3::text[], $4::int[]))
       AND ${api.behaviour.skippable}`,
    [branch.dag_id, branch.run_id, markers.map(([task]) => task), markers.map(([, index]) => index)],
  );
  return { status: 204 };
}
