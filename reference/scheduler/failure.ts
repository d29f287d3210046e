import type { Behaviour, TaskInstanceRow, Tx } from '../behaviour.ts';
import type { SerializedDag } from '../dags/serialized-dag.ts';
import { audit, prepareNextTry } from '../database/task-instance.ts';

/**
 * `TaskInstance.handle_failure`, for a row that the caller has locked. Only a try that ran goes to the history, as in
 * Airflow: one that never started is not kept, and its row keeps its id.
 */
export async function handleFailure(
  tx: Tx,
  behaviour: Behaviour,
  ti: TaskInstanceRow,
  dag: SerializedDag | undefined,
): Promise<void> {
  await audit(tx, 'failed', ti);
  await tx.query(
    `UPDATE task_instance SET end_date = clock_timestamp(), next_method = NULL, next_kwargs = NULL, updated_at = now(),
       duration = extract(epoch FROM clock_timestamp() - start_date)
     WHERE task_instance.id = $1`,
    [ti.id],
  );
  const again = isEligibleToRetry(ti, dag);
  const id = again && ti.state === 'running' ? await prepareNextTry(tx, behaviour, ti) : ti.id;
  await tx.query('UPDATE task_instance SET state = $2 WHERE task_instance.id = $1', [
    id,
    again ? 'up_for_retry' : 'failed',
  ]);
}

export function retriesOf(ti: TaskInstanceRow, dag: SerializedDag | undefined): number {
  return dag?.json.tasks.find(({ task_id }) => task_id === ti.task_id)?.retries ?? 0;
}

/** One that was cleared while it ran is always tried again. */
function isEligibleToRetry(ti: TaskInstanceRow, dag: SerializedDag | undefined): boolean {
  if (ti.state === 'restarting') return true;
  return retriesOf(ti, dag) > 0 && ti.try_number <= ti.max_tries;
}
