import type { Reply, Tx } from '../behaviour.ts';

/**
 * What Airflow's handler means to do when an end report broke in the database: the task is FAILED, the worker gets 204.
 */
export async function writeFailed(tx: Tx, id: string): Promise<Reply> {
  await tx.query(`UPDATE task_instance SET state = 'failed', end_date = now(), updated_at = now() WHERE id = $1`, [id]);
  return { status: 204 };
}
