import type { Reply, TaskInstanceRow, Tx } from '../../behaviour.ts';
import { audit, prepareNextTry } from '../../database/task-instance.ts';
import { log } from '../../log.ts';
import { type Api, writing } from '../api.ts';
import { registerAssetEvent } from '../asset-events.ts';
import { Refusal } from '../refusal.ts';
import { defer, park, reschedule } from './intermediate.ts';
import { type Call, param, type Route } from './route.ts';
import { type StatePayload, statePayload } from './state-payload.ts';
import { isOfAnEarlierPart, lockTaskInstance } from './task-instance.ts';

type Ended = Extract<StatePayload, { tag: '_terminal_' | 'success' | 'up_for_retry' }>;

const ACCEPTED: Reply = { status: 204 };
const KNOWN_ALREADY: Reply = { status: 200 };
/** As wide as the column. */
const REASON_LENGTH = 500;

export const stateRoute: Route = {
  method: 'PATCH',
  path: '/task-instances/:id/state',
  self: true,
  answer(api, call) {
    const payload = statePayload(call.body);
    return writing(api, 'state', (tx) => report(api, tx, call, payload));
  },
};

/** The order of locks and statements is Airflow's: the task instance first, its run never. */
async function report(api: Api, tx: Tx, call: Call, payload: StatePayload): Promise<Reply> {
  const ti = await lockTaskInstance(api, tx, param(call, 'id'), 'state');
  const judgement = api.behaviour.judgeEnd(ti.state, payload.state);
  if (judgement === 'replay') return KNOWN_ALREADY;
  if (judgement === 'refuse' || isOfAnEarlierPart(ti, call.claims)) {
    const message = 'TI was not in the running state so it cannot be updated';
    throw Refusal.of(409, { reason: 'invalid_state', message, previous_state: ti.state });
  }
  try {
    const state = await carryOut(api, tx, ti, payload);
    await audit(tx, state, ti, ti.hostname ? JSON.stringify({ host_name: ti.hostname }) : null);
    return ACCEPTED;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const reply = await api.behaviour.endFailed({
      error,
      tx,
      inFreshTransaction: (action) => inFreshTransaction(api, action),
      id: ti.id,
      requested: payload.state,
    });
    throw reply ? new Refusal(reply) : error;
  }
}

async function carryOut(api: Api, tx: Tx, ti: TaskInstanceRow, payload: StatePayload): Promise<string> {
  switch (payload.tag) {
    case 'success':
    case '_terminal_':
    case 'up_for_retry':
      await end(api, tx, ti, payload);
      return payload.state;
    case 'deferred':
      await defer(tx, ti, payload);
      return payload.state;
    case 'up_for_reschedule':
      await reschedule(tx, ti, payload);
      return payload.state;
    case 'awaiting_input':
      await api.behaviour.lockForState(tx, ti.id);
      await park(tx, ti, payload);
      return payload.state;
    case '_other_':
      return failUnexpected(api, tx, ti, payload.state);
    default:
      throw new Error(`unknown payload ${JSON.stringify(payload satisfies never)}`);
  }
}

async function end(api: Api, tx: Tx, ti: TaskInstanceRow, payload: Ended): Promise<void> {
  await api.behaviour.lockForState(tx, ti.id);
  // No DAG of the factory is fail_fast; Airflow asks each time.
  if (payload.state === 'failed') await tx.query('SELECT dag.fail_fast FROM dag WHERE dag.dag_id = $1', [ti.dag_id]);
  await api.behaviour.afterEnd(tx, ti, payload.state);
  if (payload.tag === 'success') {
    // In the order of their names, the order in which all processes queue what several events begin.
    const names = payload.task_outlets.flatMap(({ type, name }) => (type === 'Asset' && name !== null ? [name] : []));
    for (const name of names.toSorted()) await registerAssetEvent(tx, api.behaviour, name, ti);
  }
  await setEnded(tx, ti, payload);
  if (payload.tag === 'up_for_retry') await prepareNextTry(tx, api.behaviour, ti);
}

async function setEnded(tx: Tx, ti: TaskInstanceRow, payload: Ended): Promise<void> {
  const retry =
    payload.tag === 'up_for_retry'
      ? { delay: payload.retry_delay_seconds, reason: payload.retry_reason?.slice(0, REASON_LENGTH) ?? null }
      : undefined;
  await tx.query({
    name: retry ? 'state-retry' : 'state-end',
    text: `UPDATE task_instance SET state = $2, end_date = $3,
        duration = EXTRACT(EPOCH FROM $3::timestamptz - start_date), next_method = NULL, next_kwargs = NULL,
        rendered_map_index = CASE WHEN $4 THEN $5 ELSE rendered_map_index END, updated_at = now()
        ${retry ? ', retry_delay_override = $6, retry_reason = $7' : ''}
      WHERE task_instance.id = $1`,
    values: [
      ti.id,
      payload.state,
      payload.end_date,
      payload.rendered_map_index !== undefined,
      payload.rendered_map_index ?? null,
      ...(retry ? [retry.delay, retry.reason] : []),
    ],
  });
}

/** A state that no worker may ask for passes Airflow's checks, breaks in its handler, and fails the task. */
async function failUnexpected(api: Api, tx: Tx, ti: TaskInstanceRow, asked: string): Promise<string> {
  log('error', `Error updating Task Instance state. Setting the task to failed. ${ti.id} asked for ${asked}`);
  await tx.query('ROLLBACK');
  await tx.query('BEGIN');
  await api.behaviour.lockForState(tx, ti.id);
  await tx.query('SELECT dag.fail_fast FROM dag WHERE dag.dag_id = $1', [ti.dag_id]);
  await tx.query(
    `UPDATE task_instance SET state = 'failed', end_date = now(), duration = EXTRACT(EPOCH FROM now() - start_date),
       updated_at = now() WHERE task_instance.id = $1`,
    [ti.id],
  );
  return 'failed';
}

async function inFreshTransaction<T>(api: Api, action: (tx: Tx) => Promise<T>): Promise<T> {
  const results: T[] = [];
  await writing(api, 'failure', async (tx) => {
    results.push(await action(tx));
    return ACCEPTED;
  });
  return results[0] as T;
}
