import type { Manifest } from '../model/manifest.ts';
import type { OperationKind } from '../model/operation.ts';
import type { Habits, Scenario, TaskSpec } from '../model/scenario.ts';

/** Airflow's own default of `[scheduler] task_instance_heartbeat_timeout`, for stacks that do not tell theirs. */
const HEARTBEAT_TIMEOUT_S = 300;

/** One row of facts about the plan, for invariants and users' SQL: the view `plan`. */
export interface PlanFacts {
  readonly duration_ms: number;
  readonly schedulers: number;
  readonly api_servers: number;
  readonly heartbeat_ms: number;
  readonly request_timeout_ms: number;
  /** After so long without a heartbeat a scheduler may call a worker dead. */
  readonly heartbeat_timeout_ms: number;
  /** The kinds of operation that the scenario sets out to send. */
  readonly planned_kinds: readonly OperationKind[];
}

export function planFacts(manifest: Manifest): PlanFacts {
  const { scenario } = manifest.plan;
  const timeout = Number(manifest.identity?.task_instance_heartbeat_timeout_s);
  return {
    duration_ms: scenario.duration_s * 1000,
    schedulers: scenario.schedulers,
    api_servers: scenario.api_servers,
    heartbeat_ms: scenario.fleet.heartbeat_ms,
    request_timeout_ms: scenario.fleet.timeout_ms,
    heartbeat_timeout_ms: (timeout > 0 ? timeout : HEARTBEAT_TIMEOUT_S) * 1000,
    planned_kinds: plannedKinds(scenario),
  };
}

function plannedKinds(scenario: Scenario): OperationKind[] {
  const tasks = scenario.dags.flatMap((dag) => dag.tasks);
  const habit = (name: keyof Habits) => tasks.some((task) => habitOf(scenario, task, name) > 0);
  const operator = (name: string) =>
    scenario.operators.some((spec) => spec.operator === name && spec.start_after_ms < scenario.duration_s * 1000);

  const planned: Partial<Record<OperationKind, boolean>> = {
    run: tasks.length > 0,
    state: tasks.length > 0,
    // A life shorter than the interval ends before its first heartbeat is due.
    heartbeat: tasks.some((task) => task.duration_ms[1] > scenario.fleet.heartbeat_ms),
    rtif: habit('rtif'),
    xcom_push: habit('xcom'),
    skip_downstream: tasks.some((task) => (task.skips?.length ?? 0) > 0),
    backfill: operator('backfill'),
    trigger: operator('trigger'),
    clear: operator('clear'),
  };
  return (Object.keys(planned) as OperationKind[]).filter((kind) => planned[kind]);
}

function habitOf(scenario: Scenario, task: TaskSpec, name: keyof Habits): number {
  return task.habits?.[name] ?? scenario.fleet.habits[name] ?? 0;
}
