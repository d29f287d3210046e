import { z } from 'zod';

import type { Reply, Tx, Worker } from '../../behaviour.ts';
import { type Api, connected, writing } from '../api.ts';
import { body } from '../checked.ts';
import { field, integer, text } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { param, type Route } from './route.ts';
import { goneOrArchived } from './task-instance.ts';

const BEAT = z.strictObject({ hostname: field(text), pid: field(integer) });
const ACCEPTED: Reply = { status: 204 };

export const heartbeatRoute: Route = {
  method: 'PUT',
  path: '/task-instances/:id/heartbeat',
  self: true,
  async answer(api, call) {
    const worker = body(BEAT, call.body);
    const id = param(call, 'id');
    // Nearly always this is all: one statement, which commits by itself.
    if (await connected(api, (db) => api.behaviour.beat(db, id, worker))) return ACCEPTED;
    return writing(api, 'heartbeat', (tx) => diagnose(api, tx, id, worker));
  },
};

/** Why the fast path did not find the row; if it would now, the beat counts. */
async function diagnose(api: Api, tx: Tx, id: string, worker: Worker): Promise<Reply> {
  const { rows } = await tx.query<{ state: string | null; hostname: string | null; pid: number | null }>(
    `SELECT task_instance.state, task_instance.hostname, task_instance.pid FROM task_instance
     WHERE task_instance.id = $1 FOR UPDATE`,
    [id],
  );
  const ti = rows[0] ?? (await goneOrArchived(api, tx, id, 'heartbeat'));
  if (ti.hostname !== worker.hostname || ti.pid !== worker.pid) {
    throw Refusal.of(409, {
      reason: 'running_elsewhere',
      message: 'TI is already running elsewhere',
      current_hostname: ti.hostname,
      current_pid: ti.pid,
    });
  }
  if (ti.state !== 'running') {
    const message = 'TI is no longer in the running state and task should terminate';
    throw Refusal.of(409, { reason: 'not_running', message, current_state: ti.state });
  }
  await tx.query('UPDATE task_instance SET last_heartbeat_at = now(), updated_at = now() WHERE task_instance.id = $1', [
    id,
  ]);
  return ACCEPTED;
}
