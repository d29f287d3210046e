import { randomBytes } from 'node:crypto';

import type { TakenEvents, Tx } from '../behaviour.ts';
import { createDagRun } from '../dags/create-run.ts';
import type { DagJson } from '../dags/serialized-dag.ts';
import { retriedTransaction } from '../database/retry.ts';
import type { Scheduling } from './scheduling.ts';

/** `_create_dag_runs_asset_triggered`: a run of each DAG with the events that it waits for, each in a transaction. */
export async function createAssetRuns({ pool, behaviour, dags, jobId }: Scheduling): Promise<void> {
  const { rows: queued } = await pool.query<{ dag_id: string }>(
    `SELECT DISTINCT dag.dag_id FROM asset_dag_run_queue JOIN dag ON dag.dag_id = asset_dag_run_queue.target_dag_id
     WHERE NOT dag.is_paused AND NOT dag.is_stale AND (
       SELECT count(*) FROM dag_run WHERE dag_run.dag_id = dag.dag_id AND dag_run.run_type <> 'backfill'
         AND dag_run.state IN ('queued', 'running')) < coalesce(dag.max_active_runs, 0)
     ORDER BY dag.dag_id`,
  );
  for (const { dag_id } of queued) {
    await retriedTransaction(pool, '_create_dag_runs_asset_triggered', async (tx) => {
      const dag = (await dags.latest(tx, [dag_id])).get(dag_id);
      if (!dag) return;
      const taken = await behaviour.takeAssetEvents(tx, dag_id);
      const { queuedAt } = taken;
      if (queuedAt === null || !(await isMet(tx, dag.json, taken))) return;
      const runId = await createDagRun(
        tx,
        dag,
        {
          run_id: `asset_triggered__${queuedAt.toISOString().replace('Z', '+00:00')}_${randomBytes(4).toString('hex')}`,
          run_type: 'asset_triggered',
          logical_date: null,
          run_after: queuedAt,
          triggered_by: 'asset',
          creating_job_id: jobId,
        },
        behaviour.mapIndexes,
      );
      await tx.query('INSERT INTO dagrun_asset_event (dag_run_id, event_id) SELECT $1, unnest($2::int[])', [
        runId,
        taken.eventIds,
      ]);
      await tx.query('DELETE FROM asset_dag_run_queue WHERE target_dag_id = $1 AND asset_id = ANY ($2)', [
        dag_id,
        taken.assetIds,
      ]);
    });
  }
}

async function isMet(tx: Tx, { assets }: DagJson, { assetIds }: TakenEvents): Promise<boolean> {
  if (assets === undefined || assetIds.length === 0) return false;
  if ('any' in assets) return true;
  const { rows } = await tx.query<{ missing: number }>(
    'SELECT count(*)::int AS missing FROM asset WHERE asset.name = ANY ($1) AND asset.id <> ALL ($2)',
    [assets.all, assetIds],
  );
  return rows[0]?.missing === 0;
}

/** The rows of the queue, locked or not (`lock`): each with the asset and its time. */
export async function queuedFor(
  tx: Tx,
  dagId: string,
  lock: '' | 'FOR UPDATE SKIP LOCKED',
): Promise<Pick<TakenEvents, 'assetIds' | 'queuedAt'>> {
  const { rows } = await tx.query<{ asset_id: number; created_at: Date }>(
    `SELECT asset_dag_run_queue.asset_id, asset_dag_run_queue.created_at FROM asset_dag_run_queue
     WHERE asset_dag_run_queue.target_dag_id = $1 ORDER BY asset_dag_run_queue.asset_id ${lock}`,
    [dagId],
  );
  const times = rows.map(({ created_at }) => created_at.getTime());
  return {
    assetIds: rows.map(({ asset_id }) => asset_id),
    queuedAt: times.length === 0 ? null : new Date(Math.max(...times)),
  };
}

/** The events of its assets that no run of the DAG has consumed; `until`: made up to then. */
export async function unconsumed(tx: Tx, dagId: string, until: Date | null): Promise<number[]> {
  const { rows } = await tx.query<{ id: number }>(
    `SELECT asset_event.id FROM asset_event JOIN dag_schedule_asset_reference USING (asset_id)
     WHERE dag_schedule_asset_reference.dag_id = $1
       AND asset_event."timestamp" > dag_schedule_asset_reference.created_at
       AND ($2::timestamptz IS NULL OR asset_event."timestamp" <= $2)
       AND NOT EXISTS (
         SELECT FROM dagrun_asset_event JOIN dag_run ON dag_run.id = dagrun_asset_event.dag_run_id
         WHERE dagrun_asset_event.event_id = asset_event.id AND dag_run.dag_id = $1)
     ORDER BY asset_event.id`,
    [dagId, until],
  );
  return rows.map(({ id }) => id);
}
