import { z } from 'zod';

import type { Tx } from '../../behaviour.ts';
import type { SerializedDag } from '../../dags/serialized-dag.ts';
import type { Api } from '../api.ts';
import { all, body, read, readBody } from '../checked.ts';
import { type Choice, chosenIds, clearTaskInstances, lockChosen, relatives } from '../clear.ts';
import {
  awareTime,
  field,
  flag,
  integer,
  isDict,
  nullable,
  optional,
  type TaskMarker,
  taskMarkers,
  text,
  textUpTo,
  Unfit,
  valueError,
} from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { taskInstances } from './answers.ts';
import { dagOf } from './dag-runs.ts';
import { setState } from './mark-run.ts';
import { invalidBody, logged, type PublicRoute, param } from './route.ts';

const CLEAR = z.strictObject({
  dry_run: optional(flag, true),
  start_date: optional(nullable(awareTime), null),
  end_date: optional(nullable(awareTime), null),
  only_failed: optional(flag, true),
  only_running: optional(flag, false),
  reset_dag_runs: optional(flag, true),
  task_ids: optional(nullable(taskMarkers), null),
  dag_run_id: optional(nullable(text), null),
  include_upstream: optional(flag, false),
  include_downstream: optional(flag, false),
  include_future: optional(flag, false),
  include_past: optional(flag, false),
  run_on_latest_version: optional(nullable(flag), null),
  prevent_running_task: optional(flag, false),
  note: optional(nullable(textUpTo(1000)), null),
});

const MARKABLE = ['success', 'failed', 'skipped'] as const;

/** The states that a person may set, in any case of letters. */
function newState(value: unknown): (typeof MARKABLE)[number] | Unfit {
  if (value === null) return new Unfit([valueError("'new_state' should not be empty", value)]);
  const asked = String(value).toLowerCase();
  const state = MARKABLE.find((candidate) => candidate === asked);
  if (state) return state;
  return new Unfit([valueError(`'${asked}' is not one of ['success', 'failed', 'skipped']`, value)]);
}

export const MARK = z.strictObject({
  new_state: optional(newState, undefined),
  note: optional(nullable(textUpTo(1000)), undefined),
  include_upstream: optional(flag, false),
  include_downstream: optional(flag, false),
  include_future: optional(flag, false),
  include_past: optional(flag, false),
});

/** What `ClearTaskInstancesBody` says before it looks at the fields one by one. */
function contradiction(given: unknown): string | undefined {
  if (!isDict(given)) return undefined;
  const { only_failed, only_running, start_date, end_date, dag_run_id, task_ids } = given;
  if (only_failed && only_running) return 'only_failed and only_running both are set to True';
  if (start_date && end_date && String(start_date) > String(end_date)) return 'end_date is sooner than start_date';
  if (start_date && end_date && dag_run_id) {
    return 'Exactly one of dag_run_id or (start_date and end_date) must be provided';
  }
  if (start_date && dag_run_id) return 'Exactly one of dag_run_id or start_date must be provided';
  if (end_date && dag_run_id) return 'Exactly one of dag_run_id or end_date must be provided';
  if (Array.isArray(task_ids) && task_ids.length < 1) return 'task_ids list should have at least 1 element.';
  return undefined;
}

const clearRoute: PublicRoute = {
  method: 'POST',
  path: '/dags/:dag/clearTaskInstances',
  answer(api, call) {
    const wrong = contradiction(call.body);
    if (wrong) throw invalidBody(wrong, call.body);
    const given = body(CLEAR, call.body);
    const event = given.dry_run ? 'dry_run_clear_task_instances' : 'post_clear_task_instances';
    return logged(api, call, event, (tx) => clear(api, tx, param(call, 'dag'), given));
  },
};

async function clear(api: Api, tx: Tx, dagId: string, given: z.infer<typeof CLEAR>): Promise<unknown> {
  const dag = await dagOf(tx, dagId);
  const choice = await choiceOf(tx, dag, given);
  if (given.dry_run) return taskInstances(tx, await chosenIds(tx, choice));
  const tis = await lockChosen(tx, choice);
  const ids = await clearTaskInstances(tx, api.behaviour, dag, tis, {
    resetRuns: given.reset_dag_runs,
    preventRunning: given.prevent_running_task,
    onLatest: given.run_on_latest_version ?? false,
  });
  return taskInstances(tx, ids);
}

async function choiceOf(tx: Tx, dag: SerializedDag, given: z.infer<typeof CLEAR>): Promise<Choice> {
  const runId = given.dag_run_id;
  let [from, to] = [given.start_date, given.end_date];
  if (runId !== null) {
    const { rows } = await tx.query<{ logical_date: Date | null }>(
      'SELECT dag_run.logical_date FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2',
      [dag.dag_id, runId],
    );
    const [run] = rows;
    if (!run) throw Refusal.of(404, `Dag Run id ${runId} not found in dag ${dag.dag_id}`);
    if ((given.include_past || given.include_future) && run.logical_date === null) {
      const why = 'no logical_date(e.g. manually or asset-triggered).';
      throw Refusal.of(400, `Cannot use include_past or include_future with ${why}`);
    }
    from = run.logical_date;
    to = run.logical_date;
  }
  const states = [
    ...(given.only_failed ? ['failed', 'upstream_failed'] : []),
    ...(given.only_running ? ['running'] : []),
  ];
  const tasks = given.task_ids === null ? null : withRelatives(dag, given.task_ids, given);
  if (runId !== null && !given.include_past && !given.include_future)
    return { dagId: dag.dag_id, runId, tasks, states };
  return {
    dagId: dag.dag_id,
    runId: null,
    from: given.include_past ? null : from,
    to: given.include_future ? null : to,
    tasks,
    states,
  };
}

function withRelatives(
  dag: SerializedDag,
  markers: readonly TaskMarker[],
  given: { readonly include_upstream: boolean; readonly include_downstream: boolean },
): readonly TaskMarker[] {
  const names = [...new Set(markers.map((marker) => (typeof marker === 'string' ? marker : marker[0])))];
  return [
    ...markers,
    ...(given.include_upstream ? relatives(dag, names, 'upstream') : []),
    ...(given.include_downstream ? relatives(dag, names, 'downstream') : []),
  ];
}

const TASK = '/dags/:dag/dagRuns/:run/taskInstances/:task';

function markRoute(path: string, dry: boolean): PublicRoute {
  return {
    method: 'PATCH',
    path,
    answer(api, call) {
      const index = call.params.index;
      const [mapIndex, given] = all(
        index === undefined ? null : read(field(integer), index, ['path', 'map_index']),
        readBody(MARK, call.body),
      );
      const event = dry ? 'patch_task_instance_dry_run' : 'patch_task_instance';
      const which = { dagId: param(call, 'dag'), runId: param(call, 'run'), task: param(call, 'task'), mapIndex };
      return logged(api, call, event, (tx) => mark(api, tx, { ...which, given, dry }));
    },
  };
}

interface Mark {
  readonly dagId: string;
  readonly runId: string;
  readonly task: string;
  /** Null: all instances of a mapped task. */
  readonly mapIndex: number | null;
  readonly given: z.infer<typeof MARK>;
  readonly dry: boolean;
}

export async function mark(api: Api, tx: Tx, asked: Mark): Promise<unknown> {
  const { dagId, runId, task, mapIndex, given, dry } = asked;
  const dag = await dagOf(tx, dagId);
  if (!dag.json.tasks.some(({ task_id }) => task_id === task)) {
    throw Refusal.of(404, `Task '${task}' not found in Dag '${dagId}'`);
  }
  const marker: TaskMarker = mapIndex === null ? task : [task, mapIndex];
  const own = await chosenIds(tx, { dagId, runId, tasks: [marker], states: [] });
  if (own.length === 0) {
    // A tuple in Airflow, by a comma too many.
    throw Refusal.of(404, [
      `The Task Instance with dag_id: \`${dagId}\`, run_id: \`${runId}\`, task_id: \`${task}\` and map_index: ` +
        `\`${mapIndex ?? 'None'}\` was not found`,
    ]);
  }
  const state = given.new_state;
  if (state === undefined) return taskInstances(tx, own);
  const choice = await runsOf(tx, { dagId, runId, tasks: withRelatives(dag, [marker], given), states: [] }, given);
  if (dry) return taskInstances(tx, await chosenIds(tx, choice));
  const changed = (await lockChosen(tx, choice)).filter((ti) => ti.state !== state);
  if (changed.length === 0) throw Refusal.of(409, `Task id ${task} is already in ${state} state`);
  for (const { id } of changed) await setState(tx, id, state);
  await clearFailedAfter(api, tx, dag, task, choice);
  return taskInstances(tx, own);
}

/** The run's own date, or from it on, or until it. */
async function runsOf(tx: Tx, choice: Choice, given: z.infer<typeof MARK>): Promise<Choice> {
  if (!given.include_future && !given.include_past) return choice;
  const { rows } = await tx.query<{ logical_date: Date | null }>(
    'SELECT dag_run.logical_date FROM dag_run WHERE dag_run.dag_id = $1 AND dag_run.run_id = $2',
    [choice.dagId, choice.runId],
  );
  const date = rows[0]?.logical_date ?? null;
  if (date === null) return choice;
  return { ...choice, runId: null, from: given.include_past ? null : date, to: given.include_future ? null : date };
}

/** The tasks that failed because of this one are cleared. */
async function clearFailedAfter(api: Api, tx: Tx, dag: SerializedDag, task: string, choice: Choice): Promise<void> {
  const after = relatives(dag, [task], 'downstream');
  if (after.length === 0) return;
  const tis = await lockChosen(tx, { ...choice, tasks: after, states: ['failed', 'upstream_failed'], except: [task] });
  if (tis.length > 0) await clearTaskInstances(tx, api.behaviour, dag, tis, { resetRuns: true });
}

const listRoute: PublicRoute = {
  method: 'GET',
  path: '/dags/:dag/dagRuns/:run/taskInstances',
  async answer(api, call) {
    const client = await api.pool.connect();
    try {
      const choice = { dagId: param(call, 'dag'), runId: param(call, 'run'), tasks: null, states: [] };
      return await taskInstances(client, await chosenIds(client, choice));
    } finally {
      client.release();
    }
  },
};

export const taskInstanceRoutes: readonly PublicRoute[] = [
  clearRoute,
  listRoute,
  markRoute(TASK, false),
  markRoute(`${TASK}/:index`, false),
  markRoute(`${TASK}/dry_run`, true),
  markRoute(`${TASK}/:index/dry_run`, true),
];
