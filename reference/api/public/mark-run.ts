import type { Tx } from '../../behaviour.ts';
import type { SerializedDag } from '../../dags/serialized-dag.ts';
import { lockRun } from '../clear.ts';

/**
 * Sets a run's state by hand. At an end, what works gets that end and what has not begun is skipped. Airflow locks the
 * task instances before the run; here the run comes first, as everywhere.
 */
export async function markRun(
  tx: Tx,
  dag: SerializedDag,
  runId: string,
  state: 'queued' | 'success' | 'failed',
): Promise<void> {
  await lockRun(tx, { dag_id: dag.dag_id, run_id: runId });
  if (state !== 'queued') await endTaskInstances(tx, dag, runId, state);
  await tx.query(
    state === 'queued'
      ? `UPDATE dag_run SET queued_at = now(), updated_at = now(), state = 'queued',
           start_date = CASE WHEN state = 'queued' THEN start_date END,
           end_date = CASE WHEN state = 'queued' THEN end_date END
         WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2`
      : `UPDATE dag_run SET state = '${state}', updated_at = now(),
           end_date = CASE WHEN state IN ('queued', 'running') THEN now() ELSE end_date END
         WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2`,
    [dag.dag_id, runId],
  );
}

const WORKING = `('running', 'deferred', 'up_for_reschedule', 'awaiting_input')`;
const FINISHED = `('success', 'failed', 'skipped', 'upstream_failed', 'removed')`;

async function endTaskInstances(tx: Tx, dag: SerializedDag, runId: string, state: 'success' | 'failed'): Promise<void> {
  const tasks = dag.json.tasks.map(({ task_id }) => task_id);
  const { rows } = await tx.query<{ id: string; works: boolean }>(
    `SELECT task_instance.id::text AS id, coalesce(task_instance.state IN ${WORKING}, false) AS works
     FROM task_instance WHERE task_instance.dag_id = $1 AND task_instance.run_id = $2
       AND task_instance.task_id = ANY ($3)
       AND (task_instance.state IS NULL OR task_instance.state NOT IN ${FINISHED})
     ORDER BY task_instance.id FOR UPDATE`,
    [dag.dag_id, runId, tasks],
  );
  for (const { id, works } of rows) await setState(tx, id, works ? state : 'skipped');
}

/** `TaskInstance.set_state`: what has no start gets one, and so has what has no end. */
export async function setState(tx: Tx, id: string, state: 'success' | 'failed' | 'skipped'): Promise<void> {
  await tx.query(
    `UPDATE task_instance SET state = $2,
       start_date = coalesce(start_date, now()), end_date = coalesce(end_date, now()),
       duration = EXTRACT(EPOCH FROM coalesce(end_date, now()) - coalesce(start_date, now())), updated_at = now()
     WHERE task_instance.id = $1`,
    [id, state],
  );
}
