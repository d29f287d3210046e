import { retriedTransaction } from '../database/retry.ts';
import { log } from '../log.ts';
import type { Scheduling } from './scheduling.ts';

/**
 * `_mark_backfills_complete`. First a SELECT, then the UPDATE, as Airflow's ORM does; the harness counts the SELECT in
 * pg_stat_statements, by its shape, to know that a check fell into the creation of a backfill.
 */
export function completeBackfills({ pool, behaviour }: Scheduling): Promise<void> {
  return retriedTransaction(pool, '_mark_backfills_complete', async (tx) => {
    const { rows } = await tx.query<{ id: number }>(
      `SELECT backfill.id, backfill.dag_id, backfill.created_at, backfill.completed_at FROM backfill
       WHERE backfill.completed_at IS NULL AND (${behaviour.backfillComplete}) AND NOT (EXISTS (
         SELECT dag_run.id FROM dag_run
         WHERE dag_run.backfill_id = backfill.id AND dag_run.state IN ('running', 'queued')))`,
    );
    if (rows.length === 0) return;
    log('info', `marking ${rows.length} backfills as complete`);
    await tx.query('UPDATE backfill SET completed_at = now(), updated_at = now() WHERE backfill.id = ANY($1)', [
      rows.map(({ id }) => id),
    ]);
  });
}
