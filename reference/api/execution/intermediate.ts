import type { TaskInstanceRow, Tx } from '../../behaviour.ts';
import type { StatePayload } from './state-payload.ts';

type Payload<T> = Extract<StatePayload, { tag: T }>;

/** The task waits for a trigger, and its worker is free. */
export async function defer(tx: Tx, ti: TaskInstanceRow, payload: Payload<'deferred'>): Promise<void> {
  const kwargs = payload.trigger_kwargs;
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO trigger (classpath, kwargs, created_date, queue) VALUES ($1, $2, now(), $3) RETURNING trigger.id`,
    [payload.classpath, typeof kwargs === 'string' ? kwargs : JSON.stringify(kwargs), payload.queue],
  );
  await tx.query(
    `UPDATE task_instance SET state = 'deferred', trigger_id = $2, next_method = $3, next_kwargs = $4,
       trigger_timeout = $5, updated_at = now() WHERE task_instance.id = $1`,
    [ti.id, rows[0]?.id, payload.next_method, JSON.stringify(payload.next_kwargs), deadline(payload.trigger_timeout)],
  );
}

/** The task waits for a person. There is no form to answer here, so only its deadline ends it. */
export async function park(tx: Tx, ti: TaskInstanceRow, payload: Payload<'awaiting_input'>): Promise<void> {
  await tx.query(
    `UPDATE task_instance SET state = 'awaiting_input', trigger_id = NULL, next_method = $2, next_kwargs = $3,
       trigger_timeout = $4, updated_at = now() WHERE task_instance.id = $1`,
    [ti.id, payload.next_method, JSON.stringify(payload.next_kwargs), deadline(payload.timeout)],
  );
}

/** The task wants to be started again later, within the same try. */
export async function reschedule(tx: Tx, ti: TaskInstanceRow, payload: Payload<'up_for_reschedule'>): Promise<void> {
  await tx.query(
    `UPDATE task_instance SET state = 'up_for_reschedule', end_date = $2,
       duration = EXTRACT(EPOCH FROM $2::timestamptz - start_date), next_method = NULL, next_kwargs = NULL,
       updated_at = now() WHERE task_instance.id = $1`,
    [ti.id, payload.end_date],
  );
  await tx.query(
    `INSERT INTO task_reschedule (ti_id, start_date, end_date, duration, reschedule_date)
     VALUES ($1, now(), $2, trunc(EXTRACT(EPOCH FROM $2::timestamptz - now())), $3)`,
    [ti.id, payload.end_date, payload.reschedule_date],
  );
}

function deadline(afterMs: number | null): Date | null {
  return afterMs === null ? null : new Date(Date.now() + afterMs);
}
