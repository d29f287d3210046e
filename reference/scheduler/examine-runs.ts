import { setTimeout as sleep } from 'node:timers/promises';

import type { Behaviour, RunKey, Tx } from '../behaviour.ts';
import type { SerializedDag } from '../dags/serialized-dag.ts';
import { retriedTransaction } from '../database/retry.ts';
import { log } from '../log.ts';
import { LIMITS, TIMES } from '../settings.ts';
import { EXCEEDS_MAX_NON_BACKFILL } from './create-runs.ts';
import { type Decision, decide, type RunTask } from './decisions.ts';
import type { Scheduling } from './scheduling.ts';

interface Run extends RunKey {
  readonly id: number;
  readonly run_type: string;
  readonly logical_date: Date | null;
}

interface VersionedTask extends RunTask {
  readonly dag_version_id: string | null;
}

/**
 * `_schedule_all_dag_runs`: the runs that were not examined for longest, and what is next in each. Their rows stay
 * locked until the one commit at the end; a worker's report that holds a task instance makes all of them wait.
 */
export function examineRuns({ pool, behaviour, dags, jobId }: Scheduling): Promise<void> {
  return retriedTransaction(pool, '_schedule_all_dag_runs', async (tx) => {
    const { rows: runs } = await tx.query<Run>(
      `SELECT dag_run.id, dag_run.dag_id, dag_run.run_id, dag_run.run_type, dag_run.logical_date
       FROM dag_run JOIN dag ON dag.dag_id = dag_run.dag_id
       LEFT JOIN backfill_dag_run ON backfill_dag_run.dag_run_id = dag_run.id
       WHERE dag_run.state = 'running' AND (${behaviour.examinable})
       ORDER BY backfill_dag_run.sort_ordinal NULLS FIRST, dag_run.last_scheduling_decision NULLS FIRST,
         dag_run.run_after
       LIMIT ${LIMITS.runsPerLoop} FOR NO KEY UPDATE OF dag_run SKIP LOCKED`,
    );
    if (runs.length === 0) return;
    const serialized = await dags.latest(
      tx,
      runs.map(({ dag_id }) => dag_id),
    );
    const ended: Run[] = [];
    for (const run of runs) {
      const dag = serialized.get(run.dag_id);
      if (!dag) log('error', `Couldn't find DAG ${run.dag_id} in DAG bag!`);
      else if ((await examineRun(tx, behaviour, run, dag)) !== 'running') ended.push(run);
    }
    await tx.query(
      `UPDATE dag_run SET last_scheduling_decision = clock_timestamp(), scheduled_by_job_id = $2, updated_at = now()
       WHERE dag_run.id = ANY($1)`,
      [runs.map(({ id }) => id), jobId],
    );
    await admitMoreRuns(tx, ended);
  });
}

async function examineRun(tx: Tx, behaviour: Behaviour, run: Run, dag: SerializedDag): Promise<Decision['runState']> {
  if (run.logical_date !== null && run.logical_date.getTime() > Date.now()) {
    log('error', `Logical date is in future: ${run.logical_date.toISOString()}`);
    return 'running';
  }
  // Airflow deserializes the DAG here.
  await sleep(TIMES.examineRunMs);
  let tis = await readTasks(tx, run);
  if (!(await hasVersion(tx, run, tis, dag.dag_version_id))) {
    await behaviour.assignDagVersion(tx, run, dag.dag_version_id);
    // The statement may have waited for a worker's report. `verify_integrity`, which would follow, adds and removes
    // task instances: the factory's revisions never change a DAG's tasks.
    tis = await readTasks(tx, run);
  }
  const decision = decide(dag.json, tis, Date.now(), behaviour, await readFollowed(tx, run, dag));
  await behaviour.betweenReadAndWrite(tx, decision.ready.length);
  await settle(tx, behaviour, decision);
  await schedule(tx, behaviour, decision);
  if (decision.runState !== 'running') await endRun(tx, run, decision.runState);
  return decision.runState;
}

async function readTasks(tx: Tx, run: RunKey): Promise<readonly VersionedTask[]> {
  const { rows } = await tx.query<VersionedTask>(
    `SELECT task_instance.id::text AS id, task_instance.task_id, task_instance.state, task_instance.end_date,
       task_instance.retry_delay_override, task_instance.dag_version_id::text AS dag_version_id,
       CASE WHEN task_instance.state = 'up_for_reschedule' THEN (
         SELECT task_reschedule.reschedule_date FROM task_reschedule WHERE task_reschedule.ti_id = task_instance.id
         ORDER BY task_reschedule.id DESC LIMIT 1) END AS reschedule_date
     FROM task_instance WHERE task_instance.dag_id = $1 AND task_instance.run_id = $2`,
    [run.dag_id, run.run_id],
  );
  return rows;
}

/** What the branches of a run have decided, for as long as their results are there. */
async function readFollowed(tx: Tx, run: RunKey, { json }: SerializedDag): Promise<Map<string, readonly string[]>> {
  if (!json.tasks.some(({ skips }) => skips !== undefined)) return new Map();
  const { rows } = await tx.query<{ task_id: string; followed: readonly string[] }>(
    `SELECT xcom.task_id, xcom.value -> 'followed' AS followed FROM xcom
     WHERE xcom.dag_id = $1 AND xcom.run_id = $2 AND xcom.key = 'skipmixin_key' AND xcom.value ? 'followed'`,
    [run.dag_id, run.run_id],
  );
  return new Map(rows.map(({ task_id, followed }) => [task_id, followed]));
}

/** `check_version_id_exists_in_dr`: one instance of the run, or a past try of one, on the version is enough. */
async function hasVersion(tx: Tx, run: RunKey, tis: readonly VersionedTask[], version: string): Promise<boolean> {
  if (tis.some(({ dag_version_id }) => dag_version_id === version)) return true;
  const { rows } = await tx.query(
    `SELECT task_instance_history.dag_version_id FROM task_instance_history
     WHERE task_instance_history.dag_id = $1 AND task_instance_history.run_id = $2
       AND task_instance_history.dag_version_id = $3 LIMIT 1`,
    [run.dag_id, run.run_id, version],
  );
  return rows.length > 0;
}

/** `TaskInstance.set_state`, here with a guard: a state that a worker or a user has set since is kept. */
async function settle(tx: Tx, behaviour: Behaviour, { settled }: Decision): Promise<void> {
  const settleable = behaviour.settlesUnfinished.size > 0 ? 'true' : behaviour.schedulable;
  for (const state of ['upstream_failed', 'skipped'] as const) {
    const ids = settled.filter((change) => change.state === state).map(({ id }) => id);
    if (ids.length === 0) continue;
    await tx.query(
      `UPDATE task_instance SET state = $2, start_date = coalesce(start_date, now()),
         end_date = coalesce(end_date, now()), updated_at = now(),
         duration = extract(epoch FROM coalesce(end_date, now()) - coalesce(start_date, now()))
       WHERE task_instance.id = ANY($1::uuid[]) AND ${settleable}`,
      [ids, state],
    );
  }
}

/** `DagRun.schedule_tis`. */
async function schedule(tx: Tx, { schedulable, nextTryNumber }: Behaviour, { ready }: Decision): Promise<void> {
  for (let from = 0; from < ready.length; from += LIMITS.taskInstancesPerQuery) {
    await tx.query(
      `UPDATE task_instance SET state = 'scheduled', scheduled_dttm = clock_timestamp(), try_number = ${nextTryNumber},
         updated_at = now()
       WHERE task_instance.id = ANY($1::uuid[]) AND ${schedulable}`,
      [ready.slice(from, from + LIMITS.taskInstancesPerQuery)],
    );
  }
}

async function endRun(tx: Tx, { id, dag_id, run_id }: Run, state: 'success' | 'failed'): Promise<void> {
  log('info', `Marking run ${run_id} of ${dag_id} ${state === 'success' ? 'successful' : 'failed'}`);
  await tx.query('UPDATE dag_run SET state = $2, end_date = clock_timestamp(), updated_at = now() WHERE id = $1', [
    id,
    state,
  ]);
}

/**
 * `_set_exceeds_max_active_runs`, after all runs and in the order of the DAGs, as everything does that locks several of
 * them.
 */
async function admitMoreRuns(tx: Tx, ended: readonly Run[]): Promise<void> {
  const dagIds = new Set(ended.filter(({ run_type }) => run_type !== 'backfill').map(({ dag_id }) => dag_id));
  for (const dagId of [...dagIds].sort()) {
    await tx.query(
      `UPDATE dag SET exceeds_max_non_backfill = ${EXCEEDS_MAX_NON_BACKFILL}
       WHERE dag.dag_id = $1 AND dag.exceeds_max_non_backfill <> ${EXCEEDS_MAX_NON_BACKFILL}`,
      [dagId],
    );
  }
}
