import type { z } from 'zod';

import { SCENARIO } from '../harness/model/scenario.ts';

/**
 * What is wrong with a scenario, all of it at once, each as `where: what`. Shapes come first; names that point nowhere
 * are looked for only in a scenario whose shape is right.
 */
export function problemsOf(scenario: unknown): string[] {
  if (scenario === undefined) return ['it has no `export const scenario`'];
  const parsed = SCENARIO.safeParse(scenario);
  if (!parsed.success) {
    return parsed.error.issues.map((issue) => `${issue.path.map(String).join('.') || 'scenario'}: ${issue.message}`);
  }
  return danglingNames(parsed.data);
}

function danglingNames(scenario: z.infer<typeof SCENARIO>): string[] {
  const known = new Set(scenario.dags.map((dag) => dag.dag_id));
  const problems: string[] = [];
  if (known.size < scenario.dags.length) problems.push('dags: two DAGs have the same dag_id');
  const named = [...(scenario.churn?.dags ?? []), ...scenario.operators.flatMap((operator) => operator.dags)];
  for (const dag of new Set(named))
    if (!known.has(dag)) problems.push(`no DAG is called ${dag}, but churn or an operator names it`);
  for (const operator of scenario.operators) {
    if (operator.operator !== 'mark' || operator.upstream === undefined) continue;
    for (const { dag_id, tasks } of scenario.dags) {
      if (operator.dags.includes(dag_id) && !tasks.some(({ task_id }) => task_id === operator.upstream))
        problems.push(`an operator marks the task ${operator.upstream} of ${dag_id}, which does not exist`);
    }
  }
  for (const dag of scenario.dags) {
    const tasks = new Set(dag.tasks.map((task) => task.task_id));
    if (tasks.size < dag.tasks.length) problems.push(`${dag.dag_id}: two tasks have the same task_id`);
    for (const task of dag.tasks) {
      for (const name of [...task.upstream, ...(task.skips ?? [])]) {
        if (!tasks.has(name))
          problems.push(`${dag.dag_id}.${task.task_id} names the task ${name}, which does not exist`);
      }
    }
    const cycle = cycleOf(dag.tasks);
    if (cycle.length > 0) problems.push(`${dag.dag_id}: ${cycle.join(', ')} wait for each other (upstream)`);
  }
  return problems;
}

/** Tasks that can never run, because each waits for another of them, or for itself; none if the graph is acyclic. */
function cycleOf(tasks: readonly { readonly task_id: string; readonly upstream: readonly string[] }[]): string[] {
  const waiting = new Map(tasks.map(({ task_id, upstream }) => [task_id, upstream]));
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const [task, upstream] of waiting) if (!upstream.some((name) => waiting.has(name))) waiting.delete(task);
  }
  return [...waiting.keys()];
}
