import { z } from 'zod';

import type { Tx } from '../../behaviour.ts';
import { createDagRun } from '../../dags/create-run.ts';
import { latestDag, type SerializedDag } from '../../dags/serialized-dag.ts';
import type { Api } from '../api.ts';
import { all, body, query, readBody } from '../checked.ts';
import { chosenIds, clearTaskInstances, lockChosen, lockRun } from '../clear.ts';
import { each } from '../execution/queries.ts';
import {
  awareTime,
  dict,
  field,
  flag,
  integerFrom,
  member,
  nullable,
  optional,
  text,
  textUpTo,
  time,
} from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { newRunId, wrongRunId } from '../run-id.ts';
import { findRun, listRuns, taskInstances } from './answers.ts';
import { markRun } from './mark-run.ts';
import { invalidBody, letsThrough, logged, type PublicCall, type PublicRoute, param, updateMask } from './route.ts';

const PATH = '/dags/:dag/dagRuns';
const TRIGGER = z.strictObject({
  dag_run_id: optional(nullable(text), null),
  data_interval_start: optional(nullable(awareTime), null),
  data_interval_end: optional(nullable(awareTime), null),
  logical_date: field(nullable(awareTime)),
  run_after: optional(nullable(time), null),
  conf: optional(nullable(dict), {}),
  note: optional(nullable(text), null),
  partition_key: optional(nullable(text), null),
});
const PATCH = z.strictObject({
  state: optional(nullable(member('queued', 'success', 'failed')), null),
  note: optional(nullable(textUpTo(1000)), undefined),
});
const CLEAR = z.strictObject({
  dry_run: optional(flag, true),
  only_failed: optional(flag, false),
  only_new: optional(flag, false),
  run_on_latest_version: optional(nullable(flag), null),
  note: optional(nullable(textUpTo(1000)), null),
});
const LIST_QUERY = z.object({
  limit: optional(integerFrom(0), 50),
  offset: optional(integerFrom(0), 0),
  state: optional(each(text), null),
  run_type: optional(each(text), null),
  order_by: optional(each(text), ['id']),
});
/** [api] maximum_page_limit. */
const MOST = 100;
const ORDERS = new Map(
  ['id', 'state', 'dag_id', 'run_id', 'logical_date', 'run_after', 'start_date', 'end_date', 'updated_at'].map(
    (name) => [name, `dag_run.${name}`],
  ),
).set('dag_run_id', 'dag_run.run_id');

export function noSuchRun(dagId: string, runId: string): Refusal {
  return Refusal.of(404, `The DagRun with dag_id: \`${dagId}\` and run_id: \`${runId}\` was not found`);
}

/** The newest version of a DAG; a run without a bundle version follows that one, too. */
export async function dagOf(tx: Tx, dagId: string): Promise<SerializedDag> {
  const dag = await latestDag(tx, dagId);
  if (!dag) throw Refusal.of(404, `The Dag with ID: \`${dagId}\` was not found`);
  return dag;
}

async function trigger(tx: Tx, call: PublicCall, given: z.infer<typeof TRIGGER>): Promise<unknown> {
  const dagId = param(call, 'dag');
  const { rows } = await tx.query<{ has_import_errors: boolean | null; allowed_run_types: readonly string[] | null }>(
    'SELECT dag.* FROM dag WHERE NOT dag.is_stale AND dag.dag_id = $1 LIMIT 1',
    [dagId],
  );
  const [model] = rows;
  if (!model) throw Refusal.of(404, `Dag with dag_id: '${dagId}' not found`);
  if (model.has_import_errors) {
    throw Refusal.of(400, `Dag with dag_id: '${dagId}' has import errors and cannot be triggered`);
  }
  if (model.allowed_run_types !== null && !model.allowed_run_types.includes('manual')) {
    throw Refusal.of(400, `Dag with dag_id: '${dagId}' does not allow manual runs`);
  }
  const dag = await dagOf(tx, dagId);
  if (given.partition_key !== null) {
    throw Refusal.of(400, `Dag '${dagId}' is not partitioned; partition_key is not supported`);
  }
  const runAfter = given.run_after ?? new Date();
  const runId = given.dag_run_id || newRunId('manual', runAfter, given.run_after === null);
  const wrong = wrongRunId(runId, 'manual');
  if (wrong) throw Refusal.of(400, wrong);
  await createDagRun(tx, dag, {
    run_id: runId,
    run_type: 'manual',
    logical_date: given.logical_date,
    run_after: runAfter,
    triggered_by: 'rest_api',
    triggering_user_name: call.user,
    conf: given.conf,
  });
  return { ...(await findRun(tx, dagId, runId)), note: given.note };
}

const triggerRoute: PublicRoute = {
  method: 'POST',
  path: PATH,
  answer(api, call) {
    const given = body(TRIGGER, call.body);
    if ((given.data_interval_start === null) !== (given.data_interval_end === null)) {
      const message = 'Either both data_interval_start and data_interval_end must be provided or both must be None';
      throw invalidBody(message, call.body);
    }
    return logged(api, call, 'trigger_dag_run', (tx) => trigger(tx, call, given));
  },
};

const listRoute: PublicRoute = {
  method: 'GET',
  path: PATH,
  async answer(api, call) {
    const [asked] = all(query(LIST_QUERY, call.query));
    const dagId = param(call, 'dag');
    if (dagId !== '~') await withDag(api, dagId);
    return listRuns(api.pool, {
      dagId,
      states: asked.state,
      runTypes: asked.run_type,
      order: asked.order_by.map(orderOf).join(', '),
      limit: Math.min(asked.limit || MOST, MOST),
      offset: asked.offset,
    });
  },
};

function orderOf(name: string): string {
  const column = ORDERS.get(name.replace(/^-/, ''));
  if (column === undefined) {
    throw Refusal.of(400, `Ordering with '${name}' is disallowed or the attribute does not exist on the model`);
  }
  return name.startsWith('-') ? `${column} DESC` : column;
}

async function withDag(api: Api, dagId: string): Promise<SerializedDag> {
  const client = await api.pool.connect();
  try {
    return await dagOf(client, dagId);
  } finally {
    client.release();
  }
}

const getRoute: PublicRoute = {
  method: 'GET',
  path: `${PATH}/:run`,
  async answer(api, call) {
    const [dagId, runId] = [param(call, 'dag'), param(call, 'run')];
    const run = await findRun(api.pool, dagId, runId);
    if (!run) throw noSuchRun(dagId, runId);
    return run;
  },
};

const patchRoute: PublicRoute = {
  method: 'PATCH',
  path: `${PATH}/:run`,
  answer(api, call) {
    const given = body(PATCH, call.body);
    const mask = updateMask(call);
    const [dagId, runId] = [param(call, 'dag'), param(call, 'run')];
    return logged(api, call, 'patch_dag_run', async (tx) => {
      if (!(await findRun(tx, dagId, runId))) throw noSuchRun(dagId, runId);
      const dag = await dagOf(tx, dagId);
      if (given.state !== null && letsThrough(mask, 'state')) await markRun(tx, dag, runId, given.state);
      const run = await findRun(tx, dagId, runId);
      return { ...run, note: given.note === '' || !letsThrough(mask, 'note') ? null : (given.note ?? null) };
    });
  },
};

const DELETABLE: ReadonlySet<unknown> = new Set(['queued', 'success', 'failed']);

const deleteRoute: PublicRoute = {
  method: 'DELETE',
  path: `${PATH}/:run`,
  status: 204,
  answer(api, call) {
    const [dag_id, run_id] = [param(call, 'dag'), param(call, 'run')];
    return logged(api, call, 'delete_dag_run', async (tx) => {
      // Airflow reads it without a lock, and deletes what a scheduler may have started since.
      await lockRun(tx, { dag_id, run_id });
      const run = await findRun(tx, dag_id, run_id);
      if (!run) throw noSuchRun(dag_id, run_id);
      if (!DELETABLE.has(run.state)) {
        const which = `The DagRun with dag_id: \`${dag_id}\` and run_id: \`${run_id}\``;
        throw Refusal.of(409, `${which} cannot be deleted in ${run.state} state`);
      }
      // The tasks before their run, as Airflow deletes them. The other way about it deadlocks with whatever writes a
      // task twice in one transaction: for the second write PostgreSQL looks whether the run is still there.
      await tx.query(
        `SELECT task_instance.id FROM task_instance WHERE task_instance.dag_id = $1 AND task_instance.run_id = $2
         ORDER BY task_instance.id FOR UPDATE`,
        [dag_id, run_id],
      );
      // With its task instances: the schema's foreign keys cascade.
      await tx.query('DELETE FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2', [dag_id, run_id]);
    });
  },
};

const clearRoute: PublicRoute = {
  method: 'POST',
  path: `${PATH}/:run/clear`,
  async answer(api, call) {
    const [given] = all(readBody(CLEAR, call.body));
    if (given.only_new && given.only_failed) {
      throw invalidBody('only_new and only_failed are mutually exclusive', call.body);
    }
    const [dagId, runId] = [param(call, 'dag'), param(call, 'run')];
    const states = given.only_failed ? ['failed', 'upstream_failed'] : [];
    const choice = { dagId, runId, tasks: given.only_new ? [] : null, states };
    return logged(api, call, given.dry_run ? 'dry_run_clear_dag_run' : 'clear_dag_run', async (tx) => {
      if (!(await findRun(tx, dagId, runId))) throw noSuchRun(dagId, runId);
      const dag = await dagOf(tx, dagId);
      if (given.dry_run) return brief(await taskInstances(tx, await chosenIds(tx, choice)));
      const tis = await lockChosen(tx, choice);
      const onLatest = given.run_on_latest_version ?? false;
      if (tis.length > 0) await clearTaskInstances(tx, api.behaviour, dag, tis, { resetRuns: true, onLatest });
      return { ...(await findRun(tx, dagId, runId)), note: given.note };
    });
  },
};

/** A dry run's answer has no cursors. */
function brief(collection: object): object {
  const { task_instances, total_entries } = collection as Record<string, unknown>;
  return { task_instances, total_entries };
}

export const dagRunRoutes: readonly PublicRoute[] = [
  triggerRoute,
  listRoute,
  getRoute,
  deleteRoute,
  patchRoute,
  clearRoute,
];
