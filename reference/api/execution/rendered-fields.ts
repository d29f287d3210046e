import type { Reply, TaskInstanceRow, Tx } from '../../behaviour.ts';
import { LIMITS } from '../../settings.ts';
import { type Api, writing } from '../api.ts';
import { body } from '../checked.ts';
import { dict, field, text } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { param, type Route } from './route.ts';
import { findTaskInstance, gone, goneOrArchived } from './task-instance.ts';

const FIELDS = field(dict);
const NAME = field(text);

export const renderedFieldsRoute: Route = {
  method: 'PUT',
  path: '/task-instances/:id/rtif',
  self: true,
  answer(api, call) {
    const fields = body(FIELDS, call.body);
    return writing(api, 'rtif', (tx) => putRenderedFields(api, tx, param(call, 'id'), fields));
  },
};

async function putRenderedFields(api: Api, tx: Tx, id: string, fields: Readonly<object>): Promise<Reply> {
  await keepTry(tx, id);
  const ti = (await findTaskInstance(tx, id)) ?? (await goneOrArchived(api, tx, id, 'rtif'));
  // Airflow looks for the fields in the task then, which an API server does not have.
  if (Object.keys(fields).length === 0) throw new Error(`${id} has no rendered fields, and no task to take them from`);
  await api.behaviour.writeRenderedFields(tx, ti, fields);
  await deleteOldFields(tx, ti);
  return { status: 201, body: { message: 'Rendered task instance fields successfully set' } };
}

/**
 * The row has no try number: a write that is held up would replace what a later try has written, as in Airflow. What
 * begins another try gives the task instance a new id, and waits for this lock; a heartbeat does not.
 */
async function keepTry(tx: Tx, id: string): Promise<void> {
  await tx.query({
    name: 'rtif-keep-try',
    text: 'SELECT task_instance.id FROM task_instance WHERE task_instance.id = $1 FOR KEY SHARE',
    values: [id],
  });
}

/**
 * Keeps the fields of the newest runs. Rows that another writer holds are left for the next one: Airflow waits for
 * them, and two writers of old runs of one task then wait for each other.
 */
async function deleteOldFields(tx: Tx, { dag_id, task_id }: TaskInstanceRow): Promise<void> {
  await tx.query({
    name: 'rtif-delete-old',
    text: `DELETE FROM rendered_task_instance_fields WHERE (dag_id, task_id, run_id, map_index) IN (
        SELECT dag_id, task_id, run_id, map_index FROM rendered_task_instance_fields
        WHERE dag_id = $1 AND task_id = $2 AND run_id NOT IN (
          SELECT dag_run.run_id FROM dag_run WHERE dag_run.dag_id = $1 ORDER BY dag_run.run_after DESC LIMIT $3)
        FOR UPDATE SKIP LOCKED)`,
    values: [dag_id, task_id, LIMITS.renderedFieldsRuns],
  });
}

export const renderedMapIndexRoute: Route = {
  method: 'PATCH',
  path: '/task-instances/:id/rendered-map-index',
  self: true,
  answer(api, call) {
    const name = body(NAME, call.body);
    if (name === '') throw Refusal.of(422, 'rendered_map_index cannot be empty');
    return writing(api, 'rendered_map_index', async (tx) => {
      const { rowCount } = await tx.query(
        'UPDATE task_instance SET rendered_map_index = $2, updated_at = now() WHERE task_instance.id = $1',
        [param(call, 'id'), name],
      );
      return rowCount === 0 ? gone(api, 'rendered-map-index', false) : { status: 204 };
    });
  },
};
