import type { TaskInstanceRow, Tx } from '../behaviour.ts';
import { retriedTransaction } from '../database/retry.ts';
import { audit } from '../database/task-instance.ts';
import { log } from '../log.ts';
import { TIMES } from '../settings.ts';
import { type Scheduling, TASK_INSTANCE } from './scheduling.ts';

const RESCHEDULED = 'stuck in queued reschedule';

/**
 * `_find_and_purge_task_instances_without_heartbeats`, of those that this scheduler has queued. It does not fail them
 * itself: it reports them as failed, and the next look at the executor's events finds them running.
 */
export async function reportSilent({ pool, behaviour, jobId, executor }: Scheduling): Promise<void> {
  const silent = await retriedTransaction(pool, 'heartbeat time-out', async (tx) => {
    const { rows } = await tx.query<TaskInstanceRow>(
      `SELECT ${TASK_INSTANCE} FROM task_instance JOIN dag ON dag.dag_id = task_instance.dag_id
       WHERE task_instance.queued_by_job_id = $1 AND (${behaviour.silent})`,
      [jobId],
    );
    if (rows.length > 0) log('warning', `Failing ${rows.length} TIs without heartbeat`);
    for (const ti of rows) {
      log('error', `Detected a task instance without a heartbeat (heartbeat timeout): ${nameOf(ti)}`);
      await audit(
        tx,
        'heartbeat timeout',
        ti,
        `Task did not emit heartbeat within time limit (${TIMES.heartbeatTimeoutMs / 1000} seconds) and will be ` +
          'terminated.',
      );
    }
    return rows;
  });
  for (const ti of silent) executor.report(ti, 'failed', { silent: true });
}

/** `_handle_tasks_stuck_in_queued`: taken back and scheduled again, twice; then failed. */
export async function unstick(scheduling: Scheduling): Promise<void> {
  const { pool, behaviour, jobId, executor } = scheduling;
  const { rows: stuck } = await pool.query<TaskInstanceRow>(
    `SELECT ${TASK_INSTANCE} FROM task_instance
     WHERE task_instance.state = 'queued' AND task_instance.queued_by_job_id = $1
       AND task_instance.queued_dttm < now() - interval '${TIMES.queuedTimeoutMs} milliseconds'`,
    [jobId],
  );
  for (const ti of stuck) {
    await executor.revoke(ti);
    const state = await retriedTransaction(pool, '_handle_tasks_stuck_in_queued', (tx) =>
      requeueOrFail(tx, ti, behaviour.requeueable),
    );
    if (state === 'failed') executor.report(ti, 'failed');
  }
}

/** Guarded, unlike Airflow's: a worker may have started it since it was found. */
async function requeueOrFail(
  tx: Tx,
  ti: TaskInstanceRow,
  requeueable: string,
): Promise<'scheduled' | 'failed' | undefined> {
  const { rows } = await tx.query(
    `SELECT task_instance.id FROM task_instance WHERE task_instance.id = $1 AND (${requeueable})
     FOR NO KEY UPDATE`,
    [ti.id],
  );
  if (rows.length === 0) return undefined;
  if ((await timesStuck(tx, ti)) < TIMES.queuedRetries) {
    log('info', `Task stuck in queued; will try to requeue. task_instance=${nameOf(ti)}`);
    await audit(tx, RESCHEDULED, ti, 'Task was in queued state for too long; it will be set back to scheduled.');
    await tx.query(
      `UPDATE task_instance SET state = 'scheduled', queued_dttm = NULL, queued_by_job_id = NULL,
         scheduled_dttm = now(), updated_at = now()
       WHERE task_instance.id = $1`,
      [ti.id],
    );
    return 'scheduled';
  }
  log('info', `Task requeue attempts exceeded max; marking failed. task_instance=${nameOf(ti)}`);
  const message = `Task was requeued more than ${TIMES.queuedRetries} times and will be failed.`;
  await audit(tx, 'stuck in queued tries exceeded', ti, message);
  await tx.query(
    `UPDATE task_instance SET state = 'failed', start_date = coalesce(start_date, now()),
       end_date = coalesce(end_date, now()), updated_at = now(),
       duration = extract(epoch FROM coalesce(end_date, now()) - coalesce(start_date, now()))
     WHERE task_instance.id = $1`,
    [ti.id],
  );
  return 'failed';
}

/** Counted since the try last ran: a resumed task begins again. */
async function timesStuck(tx: Tx, ti: TaskInstanceRow): Promise<number> {
  const { rows } = await tx.query<{ times: number }>(
    `WITH entries AS (
       SELECT log.event, log.dttm FROM log
       WHERE log.dag_id = $1 AND log.task_id = $2 AND log.run_id = $3 AND log.map_index = $4 AND log.try_number = $5)
     SELECT count(*) AS times FROM entries
     WHERE event = '${RESCHEDULED}'
       AND dttm > coalesce((SELECT max(dttm) FROM entries WHERE event = 'running'), '-infinity')`,
    [ti.dag_id, ti.task_id, ti.run_id, ti.map_index, ti.try_number],
  );
  return rows[0]?.times ?? 0;
}

/** `check_trigger_timeouts`: a deferral continues as a failure if its trigger did not fire in time. */
export async function timeOutTriggers({ pool }: Scheduling): Promise<void> {
  const timedOut = await retriedTransaction(pool, 'check_trigger_timeouts', async (tx) => {
    const { rowCount } = await tx.query(
      `UPDATE task_instance SET state = 'scheduled', next_method = '__fail__', scheduled_dttm = now(),
         next_kwargs = '{"error": "Trigger/execution timeout"}', trigger_id = NULL, updated_at = now()
       WHERE task_instance.state = 'deferred' AND task_instance.trigger_timeout < now()`,
    );
    return rowCount;
  });
  if (timedOut) log('info', `Timed out ${timedOut} deferred tasks without fired triggers`);
}

function nameOf({ dag_id, task_id, run_id, try_number }: TaskInstanceRow): string {
  return `${dag_id}.${task_id} ${run_id} try ${try_number}`;
}
