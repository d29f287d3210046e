import { z } from 'zod';

import type { Reply, TaskInstanceRow, Tx } from '../../behaviour.ts';
import { audit } from '../../database/task-instance.ts';
import { type Api, writing } from '../api.ts';
import { body } from '../checked.ts';
import { awareTime, field, integer, isDict, literal, text } from '../fields.ts';
import { notFound, Refusal } from '../refusal.ts';
import { isoTime } from '../times.ts';
import { findDagRun } from './dag-run-answer.ts';
import { type Call, param, type Route } from './route.ts';
import { isOfAnEarlierPart, lockTaskInstance } from './task-instance.ts';
import { contextFor } from './versions.ts';

const START = z.strictObject({
  state: field(literal('TaskInstanceState', 'running')),
  hostname: field(text),
  unixname: field(text),
  pid: field(integer),
  start_date: field(awareTime),
});

export const runRoute: Route = {
  method: 'PATCH',
  path: '/task-instances/:id/run',
  self: true,
  queued: true,
  answer(api, call) {
    const start = body(START, call.body);
    return writing(api, 'run', (tx) => run(api, tx, call, start));
  },
};

async function run(api: Api, tx: Tx, call: Call, start: z.infer<typeof START>): Promise<Reply> {
  const id = param(call, 'id');
  const ti = await lockTaskInstance(api, tx, id, 'run');
  if (!api.behaviour.mayStart(ti, start) || isOfAnEarlierPart(ti, call.claims)) {
    const message = 'TI was not in a state where it could be marked as running';
    throw Refusal.of(409, { reason: 'invalid_state', message, previous_state: ti.state });
  }
  await setRunning(tx, ti, start);
  const dagRun = await findDagRun(tx, ti.dag_id, ti.run_id);
  if (!dagRun) throw notFound(`DagRun with dag_id=${ti.dag_id} and run_id=${ti.run_id} not found`);
  const keys = ti.next_method === null ? await api.behaviour.xcomsToClear(tx, ti) : [];
  const reschedules = await tx.query<{ count: number }>({
    name: 'run-reschedules',
    text: 'SELECT count(task_reschedule.id) AS count FROM task_reschedule WHERE task_reschedule.ti_id = $1',
    values: [id],
  });
  // A repeated start of the same worker is answered, and nothing else is done.
  if (ti.state === 'running') await api.behaviour.startAgain(tx, ti);
  else await audit(tx, 'running', ti, JSON.stringify({ host_name: start.hostname }));
  const context = contextFor(call.version, {
    dag_run: { ...dagRun, team_name: null },
    task_reschedule_count: reschedules.rows[0]?.count ?? 0,
    max_tries: ti.max_tries,
    variables: [],
    connections: [],
    xcom_keys_to_clear: keys,
    should_retry: ti.state === 'restarting' || (ti.max_tries !== 0 && ti.try_number <= ti.max_tries),
    ...(ti.next_method === null
      ? {}
      : {
          next_method: ti.next_method,
          next_kwargs: ti.next_kwargs,
          start_date: ti.start_date === null ? null : isoTime(ti.start_date),
        }),
  });
  return { status: 200, body: context };
}

async function setRunning(tx: Tx, ti: TaskInstanceRow, start: z.infer<typeof START>): Promise<void> {
  // A task that continues after a deferral keeps its first start date.
  const resumes = isDict(ti.next_kwargs) ? Object.keys(ti.next_kwargs).length > 0 : Boolean(ti.next_kwargs);
  await tx.query({
    name: resumes ? 'run-resume' : 'run-start',
    text: `UPDATE task_instance SET ${resumes ? '' : 'start_date = $5, '}end_date = NULL, state = 'running',
        hostname = $2, unixname = $3, pid = $4, last_heartbeat_at = now(), updated_at = now(),
        retry_delay_override = NULL, retry_reason = NULL
      WHERE task_instance.id = $1`,
    values: [ti.id, start.hostname, start.unixname, start.pid, ...(resumes ? [] : [start.start_date])],
  });
}
