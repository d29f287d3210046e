import { z } from 'zod';

import type { Reply, Tx } from '../../behaviour.ts';
import type { NewRun } from '../../dags/create-run.ts';
import { latestDag } from '../../dags/serialized-dag.ts';
import { type Api, writing } from '../api.ts';
import { all, body, query } from '../checked.ts';
import { clearTaskInstances, lockChosen } from '../clear.ts';
import { awareTime, dict, field, flag, nullable, optional, type Read, text } from '../fields.ts';
import { notFound, Refusal } from '../refusal.ts';
import { wrongRunId } from '../run-id.ts';
import { findDagRun, previousDagRun } from './dag-run-answer.ts';
import { DAG_RUN_STATE, each } from './queries.ts';
import { type Call, param, type Route } from './route.ts';
import { dagRunFor } from './versions.ts';

/** Workers' clocks have microseconds, by which the runs of one millisecond differ. */
const exactTime: Read<Date | string> = (value) => {
  const read = awareTime(value);
  return read instanceof Date && typeof value === 'string' && /T[\d:]+\.\d{4,6}Z$/.test(value) ? value : read;
};

const TRIGGER = z.strictObject({
  logical_date: optional(nullable(exactTime), null),
  run_after: optional(nullable(awareTime), null),
  conf: optional(dict, {}),
  reset_dag_run: optional(flag, false),
  partition_key: optional(nullable(text), null),
  note: optional(nullable(text), null),
});
const PREVIOUS_QUERY = z.object({
  dag_id: field(text),
  logical_date: field(awareTime),
  state: optional(nullable(DAG_RUN_STATE), null),
});
const COUNT_QUERY = z.object({
  dag_id: field(text),
  logical_dates: optional(each(awareTime), null),
  run_ids: optional(each(text), null),
  states: optional(each(text), null),
});

function noSuchRun(dag: string, run: string): Refusal {
  return notFound(`Dag run with dag_id '${dag}' and run_id '${run}' was not found`);
}

const detailRoute: Route = {
  method: 'GET',
  path: '/dag-runs/:dag/:run',
  async answer(api, call) {
    const [dag, run] = [param(call, 'dag'), param(call, 'run')];
    // Before 2026-04-06 the same path of a GET was that of the previous run, and no other.
    if (call.version < '2026-04-06') {
      if (run === 'previous') return previous(api, call, { ...call.query, dag_id: dag });
      throw new Refusal({ status: 405, headers: { allow: 'POST' }, body: { detail: 'Method Not Allowed' } });
    }
    const found = await findDagRun(api.pool, dag, run);
    if (!found) throw noSuchRun(dag, run);
    return { status: 200, body: dagRunFor(call.version, found) };
  },
};

const previousRoute: Route = {
  method: 'GET',
  path: '/dag-runs/previous',
  since: '2026-04-06',
  answer: (api, call) => previous(api, call, call.query),
};

async function previous(api: Api, call: Call, parameters: Call['query']): Promise<Reply> {
  const [{ dag_id, logical_date, state }] = all(query(PREVIOUS_QUERY, parameters));
  const found = await previousDagRun(api.pool, dag_id, logical_date, state);
  return { status: 200, body: found ? dagRunFor(call.version, found) : null };
}

const countRoute: Route = {
  method: 'GET',
  path: '/dag-runs/count',
  async answer(api, call) {
    const [{ dag_id, logical_dates, run_ids, states }] = all(query(COUNT_QUERY, call.query));
    const { rows } = await api.pool.query<{ count: number }>(
      `SELECT count(*) AS count FROM dag_run WHERE dag_run.dag_id = $1
         AND ($2::timestamptz[] IS NULL OR dag_run.logical_date = ANY ($2))
         AND ($3::text[] IS NULL OR dag_run.run_id = ANY ($3)) AND ($4::text[] IS NULL OR dag_run.state = ANY ($4))`,
      [dag_id, logical_dates, run_ids, states],
    );
    return { status: 200, body: rows[0]?.count ?? 0 };
  },
};

const stateRoute: Route = {
  method: 'GET',
  path: '/dag-runs/:dag/:run/state',
  async answer(api, call) {
    const [dag, run] = [param(call, 'dag'), param(call, 'run')];
    const { rows } = await api.pool.query<{ state: string }>(
      'SELECT dag_run.state FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2',
      [dag, run],
    );
    if (!rows[0]) throw noSuchRun(dag, run);
    return { status: 200, body: { state: rows[0].state } };
  },
};

/** The row of a DAG that can be triggered. */
async function usableDag(tx: Tx, dagId: string, runType: string | null): Promise<void> {
  const { rows } = await tx.query<{ has_import_errors: boolean | null; allowed_run_types: readonly string[] | null }>(
    `SELECT dag.has_import_errors, dag.allowed_run_types FROM dag
     WHERE NOT dag.is_stale AND dag.dag_id = $1 LIMIT 1`,
    [dagId],
  );
  const [dag] = rows;
  if (!dag) throw notFound(`Dag with dag_id: '${dagId}' not found`);
  if (dag.has_import_errors) {
    const message = `Dag with dag_id '${dagId}' has import errors and cannot be triggered`;
    throw Refusal.of(400, { reason: 'import_errors', message });
  }
  if (runType !== null && dag.allowed_run_types !== null && !dag.allowed_run_types.includes(runType)) {
    const message = `Dag with dag_id '${dagId}' does not allow operator-triggered runs`;
    throw Refusal.of(400, { reason: 'denied_run_type', message });
  }
}

const triggerRoute: Route = {
  method: 'POST',
  path: '/dag-runs/:dag/:run',
  answer(api, call) {
    const payload = body(TRIGGER, call.body);
    return writing(api, 'trigger', (tx) => trigger(api, tx, call, payload));
  },
};

async function trigger(api: Api, tx: Tx, call: Call, payload: z.infer<typeof TRIGGER>): Promise<Reply> {
  const [dagId, runId] = [param(call, 'dag'), param(call, 'run')];
  await usableDag(tx, dagId, 'operator_triggered');
  const parent = await tx.query<{ triggering_user_name: string | null }>(
    `SELECT dag_run.triggering_user_name FROM task_instance JOIN dag_run ON task_instance.dag_id = dag_run.dag_id
       AND task_instance.run_id = dag_run.run_id WHERE task_instance.id = $1`,
    [call.claims.sub],
  );
  const dag = await latestDag(tx, dagId);
  if (!dag) throw new Error(`Dag id ${dagId} not found`);
  const wrong = wrongRunId(runId, 'operator_triggered');
  const before = await runBefore(tx, dagId, runId, payload);
  if (before === undefined && wrong) throw Refusal.of(400, { reason: 'value_error', message: wrong });
  const user = parent.rows[0]?.triggering_user_name ?? undefined;
  const run: NewRun = {
    run_id: runId,
    run_type: 'operator_triggered',
    logical_date: payload.logical_date,
    run_after: payload.run_after ?? new Date(),
    triggered_by: 'operator',
    conf: payload.conf,
    ...(user === undefined ? {} : { triggering_user_name: user }),
  };
  if (await api.behaviour.triggerRun(tx, dag, run, before)) return { status: 204 };
  const message = `A run already exists for Dag '${dagId}' with run_id '${runId}'`;
  throw Refusal.of(409, { reason: 'already_exists', message });
}

async function runBefore(tx: Tx, dagId: string, runId: string, { conf, logical_date }: z.infer<typeof TRIGGER>) {
  // Two sendings of one trigger may be under way at once.
  await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`run ${dagId}/${runId}`]);
  const { rows } = await tx.query<{ is_same: boolean }>(
    `SELECT dag_run.run_type = 'operator_triggered' AND dag_run.conf = $3::jsonb
       AND dag_run.logical_date IS NOT DISTINCT FROM $4::timestamptz AS is_same
     FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2`,
    [dagId, runId, JSON.stringify(conf), logical_date],
  );
  return rows[0] && (rows[0].is_same ? 'the same' : 'another');
}

const clearRoute: Route = {
  method: 'POST',
  path: '/dag-runs/:dag/:run/clear',
  answer(api, call) {
    const [dagId, runId] = [param(call, 'dag'), param(call, 'run')];
    return writing(api, 'clear', async (tx) => {
      await usableDag(tx, dagId, null);
      const dag = await latestDag(tx, dagId);
      if (!dag || !(await findDagRun(tx, dagId, runId))) throw notFound(`Dag run with run_id: '${runId}' not found`);
      const tis = await lockChosen(tx, { dagId, runId, tasks: null, states: [] });
      await clearTaskInstances(tx, api.behaviour, dag, tis, { resetRuns: true });
      return { status: 204 };
    });
  },
};

export const dagRunRoutes: readonly Route[] = [
  previousRoute,
  countRoute,
  detailRoute,
  stateRoute,
  triggerRoute,
  clearRoute,
];
