import type { Behaviour, Tx } from '../behaviour.ts';
import { createDagRun, type NewRun } from '../dags/create-run.ts';
import type { SerializedDag } from '../dags/serialized-dag.ts';
import { nextRunDate, scheduledRunId } from '../dags/timetable.ts';
import { retriedTransaction, sqlStateOf } from '../database/retry.ts';
import { log } from '../log.ts';
import { LIMITS } from '../settings.ts';
import type { Scheduling } from './scheduling.ts';

interface DueDag {
  readonly dag_id: string;
  readonly next_dagrun: Date;
  readonly next_dagrun_create_after: Date;
  readonly max_active_runs: number | null;
  /** There is a run of that date already: the DAG's row was not moved on. */
  readonly exists: boolean;
}

/** `_create_dagruns_for_dags`: one run for each DAG that is due. Its row is locked until the commit. */
export function createDueRuns({ pool, behaviour, dags, jobId }: Scheduling): Promise<void> {
  return retriedTransaction(pool, '_create_dagruns_for_dags', async (tx) => {
    const { rows: due } = await tx.query<DueDag>(
      `SELECT dag.dag_id, dag.next_dagrun, dag.next_dagrun_create_after, dag.max_active_runs, EXISTS (
         SELECT dag_run.id FROM dag_run
         WHERE dag_run.dag_id = dag.dag_id AND dag_run.logical_date = dag.next_dagrun) AS "exists"
       FROM dag
       WHERE dag.is_paused = false AND dag.is_stale = false AND dag.has_import_errors = false
         AND dag.exceeds_max_non_backfill = false AND dag.next_dagrun_create_after <= now()
       ORDER BY dag.next_dagrun_create_after LIMIT ${LIMITS.runsCreatedPerLoop}
       FOR NO KEY UPDATE OF dag SKIP LOCKED`,
    );
    if (due.length === 0) return;
    const serialized = await dags.latest(
      tx,
      due.map(({ dag_id }) => dag_id),
    );
    for (const row of due) {
      const dag = serialized.get(row.dag_id);
      if (dag) await createRun(tx, behaviour, row, dag, jobId);
      else log('error', `Dag not found in serialized_dag table: ${row.dag_id}`);
    }
  });
}

async function createRun(tx: Tx, behaviour: Behaviour, due: DueDag, dag: SerializedDag, jobId: number): Promise<void> {
  if (due.exists) {
    log('warning', `run already exists; skipping dagrun creation: ${due.dag_id} ${due.next_dagrun.toISOString()}`);
  } else if (behaviour.createsRun(due.dag_id, due.next_dagrun)) {
    // A manual run of the same date, committed since the look above, must not take the other DAGs' runs with it.
    await tx.query('SAVEPOINT one_dag');
    try {
      const run: NewRun = {
        run_id: scheduledRunId(due.next_dagrun_create_after),
        run_type: 'scheduled',
        logical_date: due.next_dagrun,
        run_after: due.next_dagrun_create_after,
        triggered_by: 'timetable',
        creating_job_id: jobId,
      };
      await createDagRun(tx, dag, run, behaviour.mapIndexes);
    } catch (error) {
      if (sqlStateOf(error) !== '23505') throw error;
      await tx.query('ROLLBACK TO SAVEPOINT one_dag');
      log('error', `Failed creating DagRun: ${due.dag_id}: ${error instanceof Error ? error.message : error}`);
      return;
    }
  }
  const next = nextRunDate(dag.json, due.next_dagrun, new Date());
  await tx.query(
    `UPDATE dag SET next_dagrun = $2, next_dagrun_data_interval_start = $2, next_dagrun_data_interval_end = $2,
       next_dagrun_create_after = $2, exceeds_max_non_backfill = ${EXCEEDS_MAX_NON_BACKFILL}
     WHERE dag.dag_id = $1`,
    [due.dag_id, next],
  );
}

/** `_set_exceeds_max_active_runs`: no more scheduled runs are created while so many are queued or running. */
export const EXCEEDS_MAX_NON_BACKFILL = `((SELECT count(*) FROM dag_run
  WHERE dag_run.dag_id = dag.dag_id AND dag_run.run_type <> 'backfill' AND dag_run.state IN ('queued', 'running')
  ) >= coalesce(dag.max_active_runs, 0))`;
