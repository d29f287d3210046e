import type { Behaviour, TaskInstanceRow, Tx } from '../behaviour.ts';
import { retriedTransaction } from '../database/retry.ts';
import { prepareNextTry } from '../database/task-instance.ts';
import { log } from '../log.ts';
import { TIMES } from '../settings.ts';
import { type Scheduling, TASK_INSTANCE } from './scheduling.ts';

/**
 * `adopt_or_reset_orphaned_tasks`: task instances whose scheduler died are adopted if the harness still plays them, and
 * reset if not. Airflow asks its executor while it holds the rows; here no lock is held while the hand-off is asked, so
 * that they are looked for twice. What another scheduler has taken in between is no longer found the second time.
 */
export async function adoptOrReset({ pool, behaviour, jobId, executor }: Scheduling): Promise<void> {
  log('info', 'Adopting or resetting orphaned tasks for active dag runs');
  const found = await retriedTransaction(pool, 'adopt_or_reset_orphaned_tasks', async (tx) => {
    await declareDead(tx);
    return findOrphans(tx, behaviour, '');
  });
  if (found.length === 0) return;
  const lost = new Set((behaviour.adopts ? await executor.adopt(found) : found).map(({ id }) => id));
  const ours = await retriedTransaction(pool, 'adopt_or_reset_orphaned_tasks', async (tx) => {
    const asked = new Set(found.map(({ id }) => id));
    const orphans = (await findOrphans(tx, behaviour, 'FOR NO KEY UPDATE OF task_instance SKIP LOCKED')).filter(
      ({ id }) => asked.has(id),
    );
    for (const ti of orphans) if (lost.has(ti.id)) await reset(tx, behaviour, ti);
    await tx.query(
      `UPDATE task_instance SET queued_by_job_id = $2, last_heartbeat_at = coalesce(last_heartbeat_at, now()),
         updated_at = now()
       WHERE task_instance.id = ANY($1::uuid[])`,
      [orphans.map(({ id }) => id).filter((id) => !lost.has(id)), jobId],
    );
    return new Set(orphans.map(({ id }) => id));
  });
  for (const ti of found) if (!ours.has(ti.id)) executor.release(ti);
  const taken = [...lost].filter((id) => ours.has(id)).length;
  if (taken > 0) log('info', `Reset the following ${taken} orphaned TaskInstances`);
}

async function declareDead(tx: Tx): Promise<void> {
  const { rowCount } = await tx.query(
    `UPDATE job SET state = 'failed'
     WHERE job.job_type = 'SchedulerJob' AND job.state = 'running'
       AND job.latest_heartbeat < now() - interval '${TIMES.schedulerDeadMs} milliseconds'`,
  );
  if (rowCount) log('info', `Marked ${rowCount} SchedulerJob instances as failed`);
}

async function findOrphans(tx: Tx, { orphaned }: Behaviour, lock: string): Promise<readonly TaskInstanceRow[]> {
  const { rows } = await tx.query<TaskInstanceRow>(
    `SELECT ${TASK_INSTANCE} FROM task_instance
     LEFT JOIN job ON job.id = task_instance.queued_by_job_id
     JOIN dag_run ON dag_run.dag_id = task_instance.dag_id AND dag_run.run_id = task_instance.run_id
     WHERE task_instance.state IN ('queued', 'running', 'restarting') AND (${orphaned}) AND dag_run.state = 'running'
     ${lock}`,
  );
  return rows;
}

/** The try is over: history, a new id, and a worker that still runs it gets 410 at its next heartbeat. */
async function reset(tx: Tx, behaviour: Behaviour, ti: TaskInstanceRow): Promise<void> {
  const id = await prepareNextTry(tx, behaviour, ti);
  await tx.query(
    `UPDATE task_instance SET state = NULL, queued_by_job_id = NULL, external_executor_id = NULL, next_method = NULL,
       next_kwargs = NULL, updated_at = now()
     WHERE task_instance.id = $1`,
    [id],
  );
}
