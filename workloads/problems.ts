import { z } from 'zod';

import { durationMs } from '../harness/model/arrivals.ts';

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

const probability = z.number().min(0).max(1);
const milliseconds = z.number().nonnegative();
const dagId = z.string().regex(/^wt_[A-Za-z0-9_.-]+$/, 'must begin with wt_: the harness touches no other DAG');
const dagIds = z.array(dagId).min(1);
const duration = z
  .tuple([milliseconds, milliseconds])
  .refine(([min, max]) => min <= max, 'the first number must not exceed the second');

const HABITS = z.strictObject({
  rtif: probability,
  rtif_twice: probability,
  xcom: probability,
  lost_answer: probability,
  fails: probability,
  silent_death: probability,
  never_starts: probability.optional(),
  defers: probability,
  impostor: probability,
});

const TASK = z.strictObject({
  task_id: z.string().regex(/^[A-Za-z0-9_.-]+$/),
  upstream: z.array(z.string()),
  trigger_rule: z.enum(['all_success', 'one_success', 'none_failed_min_one_success', 'all_done']).optional(),
  retries: z.number().int().nonnegative().optional(),
  mapped: z.number().int().min(1).max(1_000).optional(),
  skips: z.array(z.string()).optional(),
  pickup_ms: duration.optional(),
  duration_ms: duration,
  habits: HABITS.partial().optional(),
});

const DAG = z.strictObject({
  dag_id: dagId,
  schedule: z.string().nullable(),
  past_runs: z.number().int().nonnegative(),
  max_active_runs: z.number().int().positive(),
  max_active_tasks: z.number().int().positive().optional(),
  tasks: z.array(TASK).min(1),
});

const k6Duration = z
  .string()
  .refine((text) => durationMs(text) !== undefined, "must be a duration as k6 writes it, like '1m30s'");
const rate = z.number().nonnegative();
const common = { timeUnit: k6Duration.optional(), startTime: k6Duration.optional() };
const ARRIVALS = z.discriminatedUnion('executor', [
  z.strictObject({
    executor: z.literal('constant-arrival-rate'),
    rate: z.number().positive(),
    duration: k6Duration.optional(),
    ...common,
  }),
  z.strictObject({
    executor: z.literal('ramping-arrival-rate'),
    startRate: rate.optional(),
    stages: z.array(z.strictObject({ duration: k6Duration, target: rate })).min(1),
    ...common,
  }),
]);

const timing = {
  dags: dagIds,
  every_ms: z.number().positive().optional(),
  start_after_ms: milliseconds.optional(),
  arrivals: ARRIVALS.optional(),
};
/** One of two: an interval with its beginning, or arrivals. */
function isTimed({ every_ms, start_after_ms, arrivals }: Partial<Record<keyof typeof timing, unknown>>): boolean {
  const interval = every_ms !== undefined && start_after_ms !== undefined;
  return arrivals === undefined ? interval : every_ms === undefined && start_after_ms === undefined;
}
const UNTIMED = 'give either every_ms and start_after_ms, or arrivals';
const OPERATOR = z.discriminatedUnion('operator', [
  z.strictObject({
    operator: z.literal('backfill'),
    dags: dagIds,
    runs: z.number().int().min(1).max(20_000),
    max_active_runs: z.number().int().positive(),
    second_after_ms: milliseconds.nullable(),
    start_after_ms: milliseconds,
    pause_ms: milliseconds,
    empty: z.boolean().optional(),
  }),
  z.strictObject({ operator: z.literal('trigger'), ...timing }).refine(isTimed, UNTIMED),
  z.strictObject({ operator: z.literal('clear'), ...timing }).refine(isTimed, UNTIMED),
  z
    .strictObject({ operator: z.literal('mark'), ...timing, upstream: z.string().min(1).optional() })
    .refine(isTimed, UNTIMED),
]);

const SCENARIO = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes'),
  describe: z.string().min(1),
  duration_s: z.number().positive(),
  schedulers: z.number().int().positive(),
  api_servers: z.number().int().positive(),
  dags: z.array(DAG).min(1),
  churn: z.strictObject({ dags: dagIds, every_ms: z.number().positive() }).optional(),
  fleet: z.strictObject({
    habits: HABITS,
    heartbeat_ms: z.number().positive(),
    timeout_ms: z.number().positive(),
    retries: z.number().int().positive(),
    connections: z.number().int().positive(),
  }),
  operators: z.array(OPERATOR),
  queued_timeout_s: z.number().positive().optional(),
  pool_slots: z.number().int().positive().optional(),
  chaos: z
    .strictObject({
      faults: z.union([z.literal('all'), z.array(z.string()).min(1)]),
      pause_ms: duration,
      lasts_ms: duration.optional(),
      at_once: z.number().int().min(1).max(8).optional(),
    })
    .optional(),
  aims: z.array(z.string()),
  thresholds: z.record(z.string(), z.unknown()).optional(),
});

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
  }
  return problems;
}
