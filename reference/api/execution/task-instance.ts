import type { Claims, TaskInstanceRow, Tx } from '../../behaviour.ts';
import type { Api } from '../api.ts';
import { Refusal } from '../refusal.ts';

const COLUMNS = `task_instance.state, task_instance.dag_id, task_instance.run_id, task_instance.task_id,
  task_instance.map_index, task_instance.try_number, task_instance.max_tries, task_instance.start_date,
  task_instance.end_date, task_instance.next_method, task_instance.queued_dttm, task_instance.hostname,
  task_instance.unixname, task_instance.pid, task_instance.next_kwargs, task_instance.queued_by_job_id, task_instance.pool,
  task_instance.pool_slots, task_instance.dag_version_id::text AS dag_version_id, task_instance.id::text AS id`;

/** Locks a task instance, and nothing else, for what `route` does to it. */
export async function lockTaskInstance(api: Api, tx: Tx, id: string, route: string): Promise<TaskInstanceRow> {
  const { rows } = await tx.query<TaskInstanceRow>({
    name: 'ti-lock',
    text: `SELECT ${COLUMNS}, dag_run.logical_date, dag.owners FROM task_instance
      JOIN dag_run ON task_instance.dag_id = dag_run.dag_id AND task_instance.run_id = dag_run.run_id
      JOIN dag ON task_instance.dag_id = dag.dag_id
      WHERE task_instance.id = $1 FOR UPDATE OF task_instance`,
    values: [id],
  });
  return rows[0] ?? gone(api, route, false);
}

/**
 * A deferred task comes back under its old id, so that a worker with a token of its first part can act for the second.
 * Airflow accepts that: a deferral that is sent again, because its answer was lost, takes the task from its new worker,
 * and a workload that was delivered twice starts it for the wrong worker. A token from before the task was queued again
 * shows it.
 */
export function isOfAnEarlierPart(ti: TaskInstanceRow, { iat }: Claims): boolean {
  if (ti.next_method === null || ti.queued_dttm === null) return false;
  return iat < Math.floor(ti.queued_dttm.getTime() / 1_000);
}

/** A task instance without a lock. */
export async function findTaskInstance(tx: Pick<Tx, 'query'>, id: string): Promise<TaskInstanceRow | undefined> {
  const { rows } = await tx.query<TaskInstanceRow>({
    name: 'ti-find',
    text: `SELECT ${COLUMNS} FROM task_instance WHERE task_instance.id = $1`,
    values: [id],
  });
  return rows[0];
}

/** Ends the request of a task instance that is not there, having looked into the history for it. */
export async function goneOrArchived(api: Api, tx: Tx, id: string, route: string): Promise<never> {
  const { rows } = await tx.query<{ tries: number }>(
    `SELECT count(task_instance_history.task_instance_id) AS tries FROM task_instance_history
     WHERE task_instance_history.task_instance_id = $1`,
    [id],
  );
  return gone(api, route, (rows[0]?.tries ?? 0) > 0);
}

export function gone(api: Api, route: string, archived: boolean): never {
  throw new Refusal(api.behaviour.missing(route, archived));
}
