import { z } from 'zod';

import type { Tx } from '../../behaviour.ts';
import { transaction } from '../../database/connect.ts';
import type { Api } from '../api.ts';
import { all, body, read } from '../checked.ts';
import { lockChosen } from '../clear.ts';
import { field, integer, member, nullable, optional, text } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import { type PublicRoute, param } from './route.ts';
import { MARK, mark } from './task-instances.ts';

const ENTITY = MARK.extend({
  task_id: field(text),
  map_index: optional(nullable(integer), null),
  dag_id: optional(nullable(text), null),
  dag_run_id: optional(nullable(text), null),
});
/** What the harness sends. Airflow's other two actions create nothing, and delete task instances. */
const UPDATE = z.strictObject({
  action: field(member('update')),
  entities: z.array(ENTITY),
  update_mask: optional(nullable(text), null),
  action_on_non_existence: optional(member<'fail' | 'skip'>('fail', 'skip'), 'fail' as const),
});
const BODY = z.strictObject({ actions: z.array(z.unknown()) });

type Entity = z.infer<typeof ENTITY> & { readonly dagId: string; readonly runId: string };

interface Results {
  readonly success: string[];
  readonly errors: unknown[];
}

/**
 * `bulk_task_instances`: marks several in one transaction, and leaves no trace in `log`. An action ends at its first
 * refusal, which stands in the answer; what it has done until then stays.
 */
export const bulkTaskInstancesRoute: PublicRoute = {
  method: 'PATCH',
  path: '/dags/:dag/dagRuns/:run/taskInstances',
  answer(api, call) {
    // pydantic's tag of the action is part of the place of every complaint.
    const given = body(BODY, call.body).actions;
    const actions = all(...given.map((action, i) => read(UPDATE, action, ['body', 'actions', i, 'update'])));
    const inPath = { dagId: param(call, 'dag'), runId: param(call, 'run') };
    return transaction(api.pool, async (tx) => {
      const update: Results = { success: [], errors: [] };
      for (const { entities, action_on_non_existence } of actions) {
        await updateAll(api, tx, entities.flatMap(placed(inPath, update)), action_on_non_existence, update);
      }
      return { create: null, update: actions.length > 0 ? update : null, delete: null };
    });
  },
};

/** An entity with the run that it means: its own, or that of the path, which must not be a wildcard then. */
function placed(inPath: { readonly dagId: string; readonly runId: string }, { errors }: Results) {
  return (entity: z.infer<typeof ENTITY>): Entity[] => {
    const [dagId, runId] = [entity.dag_id || inPath.dagId, entity.dag_run_id || inPath.runId];
    if (dagId !== '~' && runId !== '~') return [{ ...entity, dagId, runId }];
    const error =
      'When using wildcard in path, dag_id and dag_run_id must be specified in request body for task_id: ' +
      entity.task_id;
    errors.push({ error, status_code: 400 });
    return [];
  };
}

async function updateAll(
  api: Api,
  tx: Tx,
  entities: readonly Entity[],
  onMissing: 'fail' | 'skip',
  { success, errors }: Results,
): Promise<void> {
  try {
    const found = await lockNamed(tx, entities);
    const named = entities.filter(({ map_index }) => map_index !== null);
    for (const entity of [...named, ...entities.filter(({ map_index }) => map_index === null)]) {
      const { dagId, runId, task_id: task, map_index } = entity;
      const indexes = (found.get(keyOf(entity)) ?? []).filter((index) => map_index === null || index === map_index);
      if (indexes.length === 0 && onMissing === 'fail') throw missing(entity);
      for (const mapIndex of indexes) {
        await mark(api, tx, { dagId, runId, task, mapIndex, given: entity, dry: false });
        success.push(`${dagId}.${runId}.${task}[${mapIndex}]`);
      }
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { status, body: said } = error.reply;
    errors.push({ error: String((said as { readonly detail: unknown }).detail), status_code: status });
  }
}

/** All at once and in one order, so that two who name the same tasks do not wait for each other. */
async function lockNamed(tx: Tx, entities: readonly Entity[]): Promise<ReadonlyMap<string, readonly number[]>> {
  const runs = new Map(entities.map(({ dagId, runId }) => [`${dagId}/${runId}`, { dagId, runId }]));
  const found = new Map<string, number[]>();
  for (const [, { dagId, runId }] of [...runs].sort(([a], [b]) => a.localeCompare(b))) {
    const tasks = entities.filter((e) => e.dagId === dagId && e.runId === runId).map(({ task_id }) => task_id);
    for (const { task_id, map_index } of await lockChosen(tx, { dagId, runId, tasks, states: [] })) {
      const key = keyOf({ dagId, runId, task_id });
      found.set(key, [...(found.get(key) ?? []), map_index]);
    }
  }
  return found;
}

function missing({ dagId, runId, task_id, map_index }: Entity): Refusal {
  if (map_index === null) {
    const which = `dag_id: ${dagId}, run_id: ${runId}, task_id: ${task_id}`;
    return Refusal.of(404, `No task instances found for ${which}`);
  }
  const which = `{'dag_id': '${dagId}', 'dag_run_id': '${runId}', 'task_id': '${task_id}', 'map_index': ${map_index}}`;
  return Refusal.of(404, `The task instances with these identifiers: [${which}] were not found`);
}

function keyOf({ dagId, runId, task_id }: Pick<Entity, 'dagId' | 'runId' | 'task_id'>): string {
  return JSON.stringify([dagId, runId, task_id]);
}
