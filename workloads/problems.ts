import { z } from 'zod';

import { SCENARIO } from '../harness/model/scenario.ts';
import { shapeProblems } from '../harness/model/shape-problems.ts';

/**
 * What is wrong with a scenario, all of it at once, each as `where: what`: shapes, and names that point nowhere as far
 * as the shape allows to look for them.
 */
export function problemsOf(scenario: unknown): string[] {
  if (scenario === undefined) return ['it has no `export const scenario`'];
  return [...shapeProblems(SCENARIO, scenario, 'scenario'), ...danglingNames(NAMES.parse(scenario))];
}

const texts = z.array(z.string().catch('')).catch([]);
const NO_TASK = { task_id: '', upstream: [], skips: [], pool: undefined, triggers: undefined };
const NO_DAG = { dag_id: '', assets: undefined, tasks: [] };

/** Only the names of a scenario; an empty one where there is no text. */
const NAMES = z
  .object({
    dags: z
      .array(
        z
          .object({
            dag_id: z.string().catch(''),
            assets: z.unknown().optional(),
            tasks: z
              .array(
                z
                  .object({
                    task_id: z.string().catch(''),
                    upstream: texts,
                    skips: texts,
                    pool: z.string().optional().catch(undefined),
                    triggers: z.string().optional().catch(undefined),
                  })
                  .catch(NO_TASK),
              )
              .catch([]),
          })
          .catch(NO_DAG),
      )
      .catch([]),
    pools: z.record(z.string(), z.unknown()).catch({}),
    churn: z.object({ dags: texts }).catch({ dags: [] }),
    operators: z
      .array(
        z
          .object({ operator: z.string().catch(''), dags: texts, upstream: z.string().optional().catch(undefined) })
          .catch({ operator: '', dags: [] }),
      )
      .catch([]),
  })
  .catch({ dags: [], pools: {}, churn: { dags: [] }, operators: [] });

function danglingNames({ dags, pools, churn, operators }: z.infer<typeof NAMES>): string[] {
  const ids = dags.map(({ dag_id }) => dag_id);
  const problems: string[] = [];
  if (hasDuplicates(ids)) problems.push('dags: two DAGs have the same dag_id');
  // Where a DAG has no name, the others cannot be said to miss it.
  if (!ids.includes('') && ids.length > 0) {
    const named = new Set([...churn.dags, ...operators.flatMap((operator) => operator.dags)]);
    for (const dag of named)
      if (dag !== '' && !ids.includes(dag)) problems.push(`no DAG is called ${dag}, but churn or an operator names it`);
  }
  const waiting = dags.filter(({ assets }) => assets !== undefined).map(({ dag_id }) => dag_id);
  for (const { operator, dags: named } of operators) {
    for (const dag of named.filter((name) => ids.includes(name))) {
      if (operator === 'asset-event' && !waiting.includes(dag))
        problems.push(`an operator posts events of the assets of ${dag}, which waits for none`);
      if (operator === 'backfill' && waiting.includes(dag))
        problems.push(`an operator backfills ${dag}, which waits for assets and has no dates`);
    }
  }
  for (const { operator, dags: marked, upstream } of operators) {
    if (operator !== 'mark' || upstream === undefined) continue;
    for (const { dag_id, tasks } of dags) {
      if (marked.includes(dag_id) && tasks.every(({ task_id }) => task_id !== upstream && task_id !== ''))
        problems.push(`an operator marks the task ${upstream} of ${dag_id}, which does not exist`);
    }
  }
  for (const { dag_id, tasks } of dags) {
    for (const { task_id, pool = 'default_pool' } of tasks)
      if (pool !== 'default_pool' && !Object.hasOwn(pools, pool))
        problems.push(`${dag_id}.${task_id} is in the pool ${pool}, which pools does not have`);
  }
  for (const dag of dags) problems.push(...danglingTasks(dag));
  return [...problems, ...danglingTriggers(dags)];
}

type NamedDag = z.infer<typeof NAMES>['dags'][number];

/** Runs that trigger runs must come to an end. */
function danglingTriggers(dags: readonly NamedDag[]): string[] {
  const ids = dags.map(({ dag_id }) => dag_id);
  const problems = dags.flatMap(({ dag_id, tasks }) =>
    tasks.flatMap(({ task_id, triggers, skips }) => {
      if (triggers === undefined) return [];
      const missing = triggers !== '' && !ids.includes('') && !ids.includes(triggers);
      return [
        ...(missing ? [`${dag_id}.${task_id} triggers ${triggers}, and no DAG is called so`] : []),
        ...(skips.length > 0 ? [`${dag_id}.${task_id} triggers a run and skips tasks: give these to two tasks`] : []),
      ];
    }),
  );
  const cycle = cycleOf(
    dags.map(({ dag_id, tasks }) => ({
      name: dag_id,
      after: tasks.flatMap(({ triggers }) => (triggers === undefined ? [] : [triggers])),
    })),
  );
  if (cycle.length > 0) problems.push(`runs would be triggered without end: ${cycle.join(', ')} (triggers)`);
  return problems;
}

function danglingTasks({ dag_id, tasks }: NamedDag): string[] {
  const ids = tasks.map(({ task_id }) => task_id);
  const problems: string[] = [];
  if (hasDuplicates(ids)) problems.push(`${dag_id}: two tasks have the same task_id`);
  if (!ids.includes('')) {
    for (const { task_id, upstream, skips } of tasks) {
      for (const name of [...upstream, ...skips])
        if (name !== '' && !ids.includes(name))
          problems.push(`${dag_id}.${task_id} names the task ${name}, which does not exist`);
    }
  }
  const cycle = cycleOf(tasks.map(({ task_id, upstream }) => ({ name: task_id, after: upstream })));
  if (cycle.length > 0) problems.push(`${dag_id}: ${cycle.join(', ')} wait for each other (upstream)`);
  return problems;
}

function hasDuplicates(names: readonly string[]): boolean {
  const there = names.filter((name) => name !== '');
  return new Set(there).size < there.length;
}

/** What can never be reached, because each comes after another of them, or itself; none if the graph is acyclic. */
function cycleOf(nodes: readonly { readonly name: string; readonly after: readonly string[] }[]): string[] {
  const waiting = new Map(nodes.map(({ name, after }) => [name, after]));
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const [name, after] of waiting) if (!after.some((other) => waiting.has(other))) waiting.delete(name);
  }
  return [...waiting.keys()];
}
