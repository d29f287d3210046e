import { arrivalTimes } from '../model/arrivals.ts';
import type { Manifest } from '../model/manifest.ts';
import { namespaceOf } from '../model/namespace.ts';
import type { OperationKind } from '../model/operation.ts';
import {
  assetsIn,
  type Habits,
  MAX_TIS_PER_QUERY,
  type OperatorSpec,
  poolsOf,
  type Scenario,
  type TaskSpec,
} from '../model/scenario.ts';

/** Airflow's own default of `[scheduler] task_instance_heartbeat_timeout`, for stacks that do not report theirs. */
const HEARTBEAT_TIMEOUT_S = 300;
/** The same of `[scheduler] task_queued_timeout`. */
const QUEUED_TIMEOUT_S = 600;
/** Releases since 3.2.2 leave a backfill without runs alone for 2 minutes and look every 30 s, both hard coded. */
const BACKFILL_ORPHAN_S = 150;
const BACKFILL_CHECK_S = 30;
/** Where the first is short, a look that comes late is a larger part of the whole. */
const BACKFILL_SLACK_S = 5;

/** One row of facts about the plan, for invariants and users' SQL: the view `plan`. */
export interface PlanFacts {
  readonly duration_ms: number;
  readonly schedulers: number;
  readonly api_servers: number;
  readonly heartbeat_ms: number;
  readonly request_timeout_ms: number;
  /** After so long without a heartbeat a scheduler may call a worker dead. */
  readonly heartbeat_timeout_ms: number;
  /** After so long in QUEUED a scheduler may take a task back. */
  readonly queued_timeout_ms: number;
  /** Slots of default_pool, where the scenario sets them. */
  readonly pool_slots: number | null;
  /** How many tasks a scheduler looks at to queue in one loop. */
  readonly max_tis_per_query: number;
  /** A backfill that got no runs must be out of the way after so long. */
  readonly backfill_orphan_ms: number;
  /** The kinds of operation that the scenario sets out to send. */
  readonly planned_kinds: readonly OperationKind[];
}

export function planFacts(manifest: Manifest): PlanFacts {
  const { scenario } = manifest.plan;
  return {
    duration_ms: scenario.duration_s * 1000,
    schedulers: scenario.schedulers,
    api_servers: scenario.api_servers,
    heartbeat_ms: scenario.fleet.heartbeat_ms,
    request_timeout_ms: scenario.fleet.timeout_ms,
    heartbeat_timeout_ms: secondsOf(manifest, 'task_instance_heartbeat_timeout_s', HEARTBEAT_TIMEOUT_S) * 1000,
    queued_timeout_ms: secondsOf(manifest, 'task_queued_timeout_s', QUEUED_TIMEOUT_S) * 1000,
    pool_slots: scenario.pool_slots ?? null,
    max_tis_per_query: scenario.max_tis_per_query ?? MAX_TIS_PER_QUERY,
    backfill_orphan_ms: orphanSeconds(manifest) * 1000,
    planned_kinds: plannedKinds(scenario),
  };
}

/** A duration that the stack reports in its identity. */
function secondsOf({ identity }: Manifest, name: string, otherwise: number): number {
  const reported = Number(identity?.[name]);
  return reported > 0 ? reported : otherwise;
}

/** One row for each DAG of the plan: the table `plan_dags`. */
export interface PlanDag {
  readonly dag_id: string;
  readonly max_active_runs: number;
  /** Null: as the stack has it. */
  readonly max_active_tasks: number | null;
  /** A run for each minute, so many of them before the load; null: only operators start it. */
  readonly past_runs: number | null;
  /** The assets that it waits for, by their names in Airflow; null: it waits for none. */
  readonly assets: readonly string[] | null;
  readonly waits_for: 'all' | 'any' | null;
  readonly tasks: readonly Pick<
    TaskSpec,
    | 'task_id'
    | 'upstream'
    | 'trigger_rule'
    | 'retries'
    | 'mapped'
    | 'pool'
    | 'max_active_tis_per_dag'
    | 'max_active_tis_per_dagrun'
  >[];
}

/** One row for each pool that the scenario sets: the table `plan_pools`. */
export function planPools(scenario: Scenario): { readonly pool: string; readonly slots: number }[] {
  return Object.entries(poolsOf(scenario)).map(([pool, slots]) => ({ pool, slots }));
}

/**
 * Under the name that it has in a stack of our own, and under the one that it has in a target; only one of them occurs.
 */
export function planDags({ id, plan }: Manifest): PlanDag[] {
  return ['', namespaceOf(id)].flatMap((prefix) =>
    plan.scenario.dags.map(({ dag_id, schedule, past_runs, max_active_runs, max_active_tasks, assets, tasks }) => ({
      dag_id: `${prefix}${dag_id}`,
      max_active_runs,
      max_active_tasks: max_active_tasks ?? null,
      past_runs: schedule === null ? null : past_runs,
      assets: assets === undefined ? null : assetsIn(assets).map((asset) => `${prefix}${asset}`),
      waits_for: assets === undefined ? null : 'all' in assets ? 'all' : 'any',
      tasks,
    })),
  );
}

function orphanSeconds(manifest: Manifest): number {
  const abandoned = secondsOf(manifest, 'backfill_abandoned_s', 0);
  return abandoned === 0 ? BACKFILL_ORPHAN_S : abandoned + BACKFILL_CHECK_S + BACKFILL_SLACK_S;
}

function firstActionMs(spec: OperatorSpec): number {
  if (spec.operator === 'backfill') return spec.start_after_ms;
  const { value } = arrivalTimes(spec).next();
  return value ?? Number.POSITIVE_INFINITY;
}

function plannedKinds(scenario: Scenario): OperationKind[] {
  const tasks = scenario.dags.flatMap((dag) => dag.tasks);
  const habit = (name: keyof Habits) => tasks.some((task) => habitOf(scenario, task, name) > 0);
  const operator = (name: string) =>
    scenario.operators.some(
      (spec) =>
        spec.operator === name &&
        firstActionMs(spec) < scenario.duration_s * 1000 &&
        // Refused by the releases that know better.
        !(spec.operator === 'backfill' && spec.empty),
    );

  const planned: Partial<Record<OperationKind, boolean>> = {
    run: tasks.length > 0,
    state: tasks.length > 0,
    heartbeat: tasks.length > 0,
    rtif: habit('rtif'),
    xcom_push: habit('xcom'),
    skip_downstream: tasks.some((task) => (task.skips?.length ?? 0) > 0),
    trigger_run: tasks.some((task) => task.triggers !== undefined),
    backfill: operator('backfill'),
    trigger: operator('trigger'),
    clear: operator('clear'),
    mark: operator('mark'),
    asset_event: operator('asset-event'),
    pool: planPools(scenario).length > 0,
  };
  return (Object.keys(planned) as OperationKind[]).filter((kind) => planned[kind]);
}

function habitOf(scenario: Scenario, task: TaskSpec, name: keyof Habits): number {
  return task.habits?.[name] ?? scenario.fleet.habits[name] ?? 0;
}
