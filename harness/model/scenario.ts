import type { Options } from 'k6/options';
import { z } from 'zod';

import { ARRIVALS, type Timing } from './arrival-rate.ts';
import type { DeepReadonly } from './json.ts';

/**
 * What one run does: DAGs × workers × operators × phases × thresholds. A scenario is data; `workloads/scenarios/` has
 * the ones that ship, and a user's own is a .ts file with `export const scenario: Scenario`. The types here are made of
 * the schemas that a user's file is held to.
 */

const probability = z.number().min(0).max(1);
const milliseconds = z.number().nonnegative();
const dagId = z.string().regex(/^wt_[A-Za-z0-9_.-]+$/, 'must begin with wt_: the harness touches no other DAG');
const poolName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+$/)
  .refine((name) => name !== 'default_pool', 'default_pool is there already: its slots are pool_slots');
const dagIds = z.array(dagId).min(1);
const assetNames = z
  .array(z.string().regex(/^wt_[A-Za-z0-9_.-]+$/, 'must begin with wt_: the harness touches no other asset'))
  .min(1);
/** Drawn evenly between the two. */
const range = z
  .tuple([milliseconds, milliseconds])
  .refine(([min, max]) => min <= max, 'the first number must not exceed the second');

/** Probabilities, each drawn once per life from the seed. */
const HABITS = z.strictObject({
  /** Writes rendered fields at its start. */
  rtif: probability,
  /** … and writes them twice at once, as a client that lost the first response. */
  rtif_twice: probability,
  /** Pushes an XCom before its end. */
  xcom: probability,
  /** Its start, its end report and what it triggers are sent, the responses are dropped, and they are sent again. */
  lost_answer: probability,
  /** Ends `failed` or `up_for_retry`, as the server allows. */
  fails: probability,
  /** Dies after its start without any report. */
  silent_death: probability,
  /** Is lost before it starts (a pod that cannot be scheduled); its executor reports that. Absent: never. */
  never_starts: probability.optional(),
  /** Asks to be started again a moment later, as a sensor in reschedule mode does, and then ends. Absent: never. */
  reschedules: probability.optional(),
  /** Ends with an error when it is ordered to stop, as Bash does; Python works on. Absent: one in two. */
  ends_on_sigterm: probability.optional(),
  /** Defers to the triggerer half-way, and continues in another life when its trigger has fired. */
  defers: probability,
  /**
   * While it works, another worker sends a heartbeat for its task and tries to start it, with its token: a zombie, or
   * a workload that was delivered twice. The server must refuse both.
   */
  impostor: probability,
});

const TASK = z.strictObject({
  task_id: z.string().regex(/^[A-Za-z0-9_.-]+$/),
  upstream: z.array(z.string()),
  trigger_rule: z.enum(['all_success', 'one_success', 'none_failed_min_one_success', 'all_done']).optional(),
  retries: z.number().int().nonnegative().optional(),
  /** Expanded over so many values: as many task instances, with map indexes from 0. Absent: not mapped. */
  mapped: z.number().int().min(1).max(1_000).optional(),
  /** A branch task names the direct downstream tasks that its life skips before it succeeds. */
  skips: z.array(z.string()).optional(),
  /** Assets of which its success makes an event each. */
  outlets: assetNames.optional(),
  /** One of the scenario's `pools`. Absent: `default_pool`. */
  pool: z.string().optional(),
  /** Schedulers queue the larger ones first; absolute. Absent: 1, and 1 for each task after it, as Airflow has it. */
  priority_weight: z.number().int().optional(),
  /** How many instances of it may be queued, running or deferred at once, in all runs. */
  max_active_tis_per_dag: z.number().int().positive().optional(),
  /** The same in one run. */
  max_active_tis_per_dagrun: z.number().int().positive().optional(),
  /** Starts a run of this DAG when its work is done, as TriggerDagRunOperator does. */
  triggers: dagId.optional(),
  /** From the hand-off to its start: a pod that must come up first. Absent: it starts at once. */
  pickup_ms: range.optional(),
  /** How long its life takes. */
  duration_ms: range,
  /** Overrides the fleet's habits for this task. */
  habits: HABITS.partial().optional(),
});

/** As Airflow reads it: five to seven fields, or a preset. Another text would only be refused by its dag-processor. */
const cron = z
  .string()
  .regex(
    /^(@[a-z]+|([\dA-Za-z*,/#?-]+\s+){4,6}[\dA-Za-z*,/#?-]+)$/,
    "must be a cron expression like '* * * * *', or null",
  );

/** A DAG for the DAG factory. */
const DAG_SHAPE = z.strictObject({
  dag_id: dagId,
  /** Cron expression, or null for a DAG that only operators and assets start. */
  schedule: cron.nullable(),
  /** A run begins when each of these assets has had an event, or any of them. Then `schedule` is null. */
  assets: z.union([z.strictObject({ all: assetNames }), z.strictObject({ any: assetNames })]).optional(),
  /** With `catchup`, how many intervals before now exist at once when the DAG is first seen. */
  past_runs: z.number().int().nonnegative(),
  max_active_runs: z.number().int().positive(),
  /** Task instances of one run that may be queued or running at once; absent: more than a scenario can fill. */
  max_active_tasks: z.number().int().positive().optional(),
  tasks: z.array(TASK).min(1),
});
const DAG = DAG_SHAPE.refine(
  ({ schedule, assets }) => assets === undefined || schedule === null,
  'give either a schedule or assets',
);

const FLEET = z.strictObject({
  habits: HABITS,
  /** From one heartbeat to the next at least, and up to twice that; the first one follows the start at once. */
  heartbeat_ms: z.number().positive(),
  /** From its start to its rendered fields, while its DAG is parsed. Absent: 0.3 to 1.5 s. */
  parse_ms: range.optional(),
  /** Workers of this release of Airflow, as in a rolling upgrade. Absent: of the one under test. */
  release: z
    .string()
    .regex(/^3\.\d+\.\d+/, 'must be a release of Airflow 3, such as 3.1.8')
    .optional(),
  /** The real client's: 5 s time-out, 5 tries on 5xx and network errors only. */
  timeout_ms: z.number().positive(),
  retries: z.number().int().positive(),
  /** After a 503 it waits as long as Retry-After asks for. Airflow's client does not, nor does it if this is absent. */
  honours_retry_after: z.boolean().optional(),
  /** Connections to the Execution API. */
  connections: z.number().int().positive(),
});

const timing = {
  dags: dagIds,
  every_ms: z.number().positive().optional(),
  start_after_ms: milliseconds.optional(),
  arrivals: ARRIVALS.optional(),
};

function isTimed({ every_ms, start_after_ms, arrivals }: Partial<Record<keyof typeof timing, unknown>>): boolean {
  const interval = every_ms !== undefined && start_after_ms !== undefined;
  return arrivals === undefined ? interval : every_ms === undefined && start_after_ms === undefined;
}
const UNTIMED = 'give either every_ms and start_after_ms, or arrivals';

const OPERATOR = z.discriminatedUnion('operator', [
  /**
   * Creates backfills one after another over these DAGs: each `runs` one-minute intervals long, in the past. With
   * `empty`, over ranges that hold no interval at all: the server may refuse that, but must not keep what it refused.
   */
  z.strictObject({
    operator: z.literal('backfill'),
    dags: dagIds,
    runs: z.number().int().min(1).max(20_000),
    max_active_runs: z.number().int().positive(),
    /** A second POST for the same DAG while the first is under way, after this delay. Null: none. */
    second_after_ms: milliseconds.nullable(),
    start_after_ms: milliseconds,
    pause_ms: milliseconds,
    empty: z.boolean().optional(),
  }),
  /** Triggers a DAG run of one of these DAGs each time. */
  z.strictObject({ operator: z.literal('trigger'), ...timing }).refine(isTimed, UNTIMED),
  /** Posts an event of an asset that one of these DAGs waits for each time, as a system outside of Airflow does. */
  z.strictObject({ operator: z.literal('asset-event'), ...timing }).refine(isTimed, UNTIMED),
  /** Clears a task instance of a live life each time. */
  z.strictObject({ operator: z.literal('clear'), ...timing }).refine(isTimed, UNTIMED),
  /**
   * Marks a task instance of a live life as failed each time; with `upstream`, the task of that name in its run
   * instead, which has ended: as a person does who finds its result bad.
   */
  z
    .strictObject({ operator: z.literal('mark'), ...timing, upstream: z.string().min(1).optional() })
    .refine(isTimed, UNTIMED),
]);
type TimedOr<Operator> = Operator extends { operator: 'backfill' }
  ? Operator
  : Omit<Operator, 'every_ms' | 'start_after_ms' | 'arrivals'> & Timing;

/**
 * Whom the hand-off executor behaves like: Airflow's LocalExecutor, its CeleryExecutor, or no real one (`calm`), as it
 * did before there was a choice: it knows what runs, and reports each end once, at once and in order.
 */
export const EXECUTOR_BEHAVIOURS = ['local', 'celery', 'calm'] as const;
export type ExecutorBehaviour = (typeof EXECUTOR_BEHAVIOURS)[number];

/** Of a scenario, a stored plan or a verdict: those of before there was a choice name none. */
export function executorBehaviourOf({
  executor_behaviour = 'calm',
}: {
  readonly executor_behaviour?: ExecutorBehaviour | undefined;
}): ExecutorBehaviour {
  return executor_behaviour;
}

/** What a scenario lets the nemesis do. */
const CHAOS = z.strictObject({
  /** Names of `harness/faults/`; `all`: all that the stack can host. */
  faults: z.union([z.literal('all'), z.array(z.string()).min(1)]),
  /** From the end of one window to the beginning of the next. */
  pause_ms: range,
  /** How long a window lasts; absent: as each fault has it. */
  lasts_ms: range.optional(),
  /** How many windows may be open at once, never two on one victim. */
  at_once: z.number().int().min(1).max(8).optional(),
});

/** [scheduler] max_tis_per_query of a stack of ours, where the scenario names no other. */
export const MAX_TIS_PER_QUERY = 128;

/** How long the load of one run may last, seconds: a week. All faults are drawn before it begins. */
export const LONGEST_LOAD_S = 7 * 24 * 3600;

export const SCENARIO = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes'),
  /** One sentence for `windtunnel list`. */
  describe: z.string().min(1),
  duration_s: z.number().positive().max(LONGEST_LOAD_S),
  schedulers: z.number().int().positive(),
  /** API servers for the Execution API; one more always serves the public API. */
  api_servers: z.number().int().positive(),
  dags: z.array(DAG).min(1),
  /** Rewrite these DAGs so often; each rewrite makes a new dag_version. */
  churn: z.strictObject({ dags: dagIds, every_ms: z.number().positive() }).optional(),
  fleet: FLEET,
  /** Absent in a scenario: `local`; absent in a stored plan, which then is of before there was a choice: `calm`. */
  executor_behaviour: z.enum(EXECUTOR_BEHAVIOURS).optional(),
  /**
   * How often and how late the executor learns of an end where something comes after the end report: a log that is
   * uploaded, a listener, a supervisor that sleeps. Not if it is `calm`. Absent: within 50 ms, but for one in some
   * hundreds.
   */
  executor_late_news: z.strictObject({ share: probability, ms: range }).optional(),
  /**
   * Airflow 3.4 and later: whether the executor distinguishes the attempts of a task (`supports_task_instance_uuid`).
   * Absent: as Airflow's own executors, unless it is `calm`; false: as one that was written for 3.3.
   */
  executor_task_uuid: z.boolean().optional(),
  operators: z.array(OPERATOR),
  /**
   * After so long in QUEUED a task is revoked and scheduled again ([scheduler] task_queued_timeout, which the
   * schedulers of our stacks check every fifth second then); absent: Airflow's ten minutes.
   */
  queued_timeout_s: z.number().positive().optional(),
  /**
   * After so long without a heartbeat a task is failed ([scheduler] task_instance_heartbeat_timeout, for which the
   * schedulers of our stacks look every second then); absent: 30 s.
   */
  heartbeat_timeout_s: z.number().positive().optional(),
  /** Slots that the operators give `default_pool` before the load; absent: more than the fleet can fill. */
  pool_slots: z.number().int().positive().optional(),
  /** Pools that the operators make before the load, and their slots. */
  pools: z.record(poolName, z.number().int().positive()).optional(),
  /** So many tasks a scheduler looks at to queue in one loop ([scheduler] max_tis_per_query); absent: 128. */
  max_tis_per_query: z.number().int().positive().optional(),
  /** What the nemesis may break during the load. */
  chaos: CHAOS.optional(),
  /** Invariants that this scenario sets out to exercise: `unknown` for one of these makes the run `unknown`. */
  aims: z.array(z.string()),
  /** k6's syntax: `{ deadlocks: ['count<1'], 'http_req_duration{operation:heartbeat}': ['p(95)<200'] }`. */
  thresholds: z.record(z.string(), z.custom<NonNullable<Options['thresholds']>[string]>()).optional(),
});

export type Habits = DeepReadonly<z.infer<typeof HABITS>>;
export type TaskSpec = DeepReadonly<z.infer<typeof TASK>>;
export type DagSpec = DeepReadonly<z.infer<typeof DAG>>;
/** What a DAG waits for that no clock starts. */
export type AssetCondition = NonNullable<DagSpec['assets']>;

export function assetsIn(condition: AssetCondition): readonly string[] {
  return 'all' in condition ? condition.all : condition.any;
}

/** The pools that operators set before the load, and their slots. */
export function poolsOf({
  pool_slots,
  pools,
}: Pick<Scenario, 'pool_slots' | 'pools'>): Readonly<Record<string, number>> {
  return { ...(pool_slots === undefined ? {} : { default_pool: pool_slots }), ...pools };
}

export type FleetSpec = DeepReadonly<z.infer<typeof FLEET>>;
export type OperatorSpec = TimedOr<DeepReadonly<z.infer<typeof OPERATOR>>>;
export type ChaosSpec = DeepReadonly<z.infer<typeof CHAOS>>;
export type Scenario = Omit<DeepReadonly<z.infer<typeof SCENARIO>>, 'operators'> & {
  readonly operators: readonly OperatorSpec[];
};

/** A scenario made definite: what `manifest.json` keeps, and what the same seed gives again. */
export interface Plan {
  readonly seed: number;
  readonly scenario: Scenario;
  /** The windows, in the order of their opening. Absent in plans from before there were faults. */
  readonly faults?: readonly PlannedFault[];
}

/** One window, made definite: part of the plan, so that the same seed breaks the same things at the same moments. */
export interface PlannedFault {
  /** A name of `harness/faults/`. */
  readonly fault: string;
  /** A process (`scheduler-1`), `postgres`, `fleet`, `operators` or `executor`. */
  readonly victim: string;
  /** Milliseconds after the load began. */
  readonly at_ms: number;
  readonly for_ms: number;
  /** What else was drawn, by name. */
  readonly with: Readonly<Record<string, string | number>>;
}

const FAULT = z.strictObject({
  fault: z.string(),
  victim: z.string(),
  at_ms: milliseconds,
  for_ms: milliseconds,
  with: z.record(z.string(), z.union([z.string(), z.number()])),
});

/** A stored plan: it comes from a file of unknown origin. */
export const PLAN = z.strictObject({
  seed: z.int().nonnegative(),
  scenario: SCENARIO,
  faults: z.array(FAULT).optional(),
});
