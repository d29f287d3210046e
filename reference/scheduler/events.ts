import type { Behaviour, ExecutorEvent, NextPart, TaskInstanceRow, TaskKey, Tx } from '../behaviour.ts';
import type { SerializedDag } from '../dags/serialized-dag.ts';
import { retriedTransaction } from '../database/retry.ts';
import { audit, prepareNextTry } from '../database/task-instance.ts';
import { log } from '../log.ts';
import { type Scheduling, TASK_INSTANCE } from './scheduling.ts';

const ACTIVE: ReadonlySet<string | null> = new Set(['scheduled', 'queued', 'running', 'restarting']);

/**
 * `process_executor_events`: "the executor says that it ended, the database says that it runs" is a failure. All of
 * them in one transaction, where Airflow commits after each that it fails. An event about a row that another process
 * holds is dropped, as there.
 */
export async function processExecutorEvents(scheduling: Scheduling): Promise<void> {
  const { pool, behaviour, executor, dags } = scheduling;
  const events = executor.takeEvents(behaviour.eventDelayMs);
  if (events.length === 0) return;
  for (const event of events)
    log('info', `Received executor event with state ${event.state} for task instance ${keyOf(event)}`);
  await retriedTransaction(pool, 'process_executor_events', async (tx) => {
    const rows = new Map((await lockTasks(tx, events, behaviour.silent)).map((ti) => [nameOf(ti), ti]));
    const mismatches: { event: ExecutorEvent; ti: TaskInstanceRow }[] = [];
    for (const event of events) {
      const ti = rows.get(nameOf(event));
      if (ti && isMismatch(scheduling, event, ti)) mismatches.push({ event, ti });
    }
    if (mismatches.length === 0) return;
    const serialized = await dags.latest(
      tx,
      mismatches.map(({ ti }) => ti.dag_id),
    );
    for (const { event, ti } of mismatches) await resolve(tx, scheduling, event, ti, serialized.get(ti.dag_id));
  });
}

type Row = TaskInstanceRow & NextPart & { readonly is_silent: boolean };

async function lockTasks(tx: Tx, events: readonly ExecutorEvent[], silent: string): Promise<readonly Row[]> {
  const { rows } = await tx.query<Row>(
    `SELECT ${TASK_INSTANCE}, coalesce(${silent}, false) AS is_silent, EXISTS (
       SELECT task_reschedule.id FROM task_reschedule WHERE task_reschedule.ti_id = task_instance.id) AS is_rescheduled
     FROM task_instance
     WHERE (task_instance.dag_id, task_instance.task_id, task_instance.run_id, task_instance.map_index) IN (
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[]))
       AND task_instance.dag_id = ANY($1::text[]) AND task_instance.task_id = ANY($2::text[])
       AND task_instance.run_id = ANY($3::text[])
     FOR NO KEY UPDATE OF task_instance SKIP LOCKED`,
    [
      events.map(({ dag_id }) => dag_id),
      events.map(({ task_id }) => task_id),
      events.map(({ run_id }) => run_id),
      events.map(({ map_index }) => map_index),
    ],
  );
  return rows;
}

/** False for a try that ended as it should, and for one that is on its way again. */
function isMismatch({ behaviour, jobId, executor }: Scheduling, event: ExecutorEvent, ti: Row): boolean {
  if (!behaviour.concernsThisTry(event, ti) || !ACTIVE.has(ti.state)) return false;
  // A heartbeat of it was accepted since then, which Airflow does not check.
  if (event.silent && behaviour.looksAgain && !ti.is_silent) return false;
  // Another scheduler has queued it again, or this one has.
  if (ti.queued_by_job_id !== jobId || executor.has(event)) return false;
  // What came next, a trigger or a date, came before the end of that part was reported.
  return event.state !== 'success' || !behaviour.isOfPartBefore(ti);
}

async function resolve(
  tx: Tx,
  { behaviour }: Scheduling,
  event: ExecutorEvent,
  ti: TaskInstanceRow,
  dag: SerializedDag | undefined,
): Promise<void> {
  const which = `${ti.dag_id}.${ti.task_id} ${ti.run_id} try ${ti.try_number}`;
  const message =
    `Executor HandOffExecutor reported that the task instance ${which} finished with state ${event.state}, ` +
    `but the task instance's state attribute is ${ti.state}.`;
  log('error', message);
  await audit(tx, 'state mismatch', ti, message);
  if (ti.state === 'restarting' && event.state === 'success') {
    // It was cleared while it ran, and its worker has gone.
    const forgotten = behaviour.beginsAgain ? 'next_method = NULL, next_kwargs = NULL,' : '';
    await tx.query(
      `UPDATE task_instance SET state = NULL, max_tries = $2, ${forgotten} updated_at = now()
       WHERE task_instance.id = $1`,
      [ti.id, ti.try_number + retriesOf(ti, dag)],
    );
    return;
  }
  await handleFailure(tx, behaviour, ti, dag);
}

/** As Python prints it. */
function keyOf({ dag_id, task_id, run_id, try_number, map_index }: ExecutorEvent): string {
  const which = `dag_id='${dag_id}', task_id='${task_id}', run_id='${run_id}'`;
  return `TaskInstanceKey(${which}, try_number=${try_number}, map_index=${map_index})`;
}

function nameOf({ dag_id, task_id, run_id, map_index }: TaskKey): string {
  return JSON.stringify([dag_id, task_id, run_id, map_index]);
}

/**
 * `TaskInstance.handle_failure`, for a row that the caller has locked. A try that never started is kept, too, which
 * Airflow does not do (#67238).
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
  const id = again && behaviour.keepsFailed(ti.state) ? await prepareNextTry(tx, behaviour, ti) : ti.id;
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
