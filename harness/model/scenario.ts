import type { Options } from 'k6/options';

import type { Timing } from './arrivals.ts';
import type { ChaosSpec, PlannedFault } from './fault.ts';

/**
 * What one run does: DAGs × workers × operators × phases × thresholds. A scenario is data; `workloads/scenarios/`
 * holds the ones that ship, and a user's own is a .ts file with `export const scenario: Scenario`.
 */
export interface Scenario {
  readonly name: string;
  /** One sentence for `windtunnel list`. */
  readonly describe: string;
  readonly duration_s: number;
  readonly schedulers: number;
  /** API servers for the Execution API; one more always serves the public API. */
  readonly api_servers: number;
  readonly dags: readonly DagSpec[];
  /** Rewrite these DAGs so often; each rewrite makes a new dag_version. */
  readonly churn?: { readonly dags: readonly string[]; readonly every_ms: number };
  readonly fleet: FleetSpec;
  readonly operators: readonly OperatorSpec[];
  /**
   * After so long in QUEUED a task is taken back from its worker and scheduled again ([scheduler] task_queued_timeout,
   * which the schedulers of our stacks look after every fifth second then); absent: Airflow's ten minutes.
   */
  readonly queued_timeout_s?: number;
  /** Slots that the operators give `default_pool` before the load; absent: more than the fleet can fill. */
  readonly pool_slots?: number;
  /** What the nemesis may break while the load is on. */
  readonly chaos?: ChaosSpec;
  /** Invariants that this scenario sets out to exercise: `unknown` for one of these makes the run `unknown`. */
  readonly aims: readonly string[];
  /** k6's syntax: `{ deadlocks: ['count<1'], 'http_req_duration{operation:heartbeat}': ['p(95)<200'] }`. */
  readonly thresholds?: NonNullable<Options['thresholds']>;
}

/** A DAG for the DAG factory. Ids begin with `wt_`: the harness touches no other. */
export interface DagSpec {
  readonly dag_id: string;
  /** Cron expression, or null for a DAG that only operators start. */
  readonly schedule: string | null;
  /** With `catchup`, how many intervals before now exist at once when the DAG is first seen. */
  readonly past_runs: number;
  readonly max_active_runs: number;
  /** Task instances of one run that may be queued or running at once; absent: more than a scenario can fill. */
  readonly max_active_tasks?: number;
  readonly tasks: readonly TaskSpec[];
}

export interface TaskSpec {
  readonly task_id: string;
  readonly upstream: readonly string[];
  readonly trigger_rule?: 'all_success' | 'one_success' | 'none_failed_min_one_success' | 'all_done';
  readonly retries?: number;
  /** Expanded over so many values: as many task instances, with map indexes from 0. Absent: not mapped. */
  readonly mapped?: number;
  /** A branch task names the direct downstream tasks that its life skips before it succeeds. */
  readonly skips?: readonly string[];
  /** From the hand-off to its start, drawn evenly: a pod that must come up first. Absent: it starts at once. */
  readonly pickup_ms?: readonly [number, number];
  /** How long its life takes, drawn evenly. */
  readonly duration_ms: readonly [number, number];
  /** Overrides the fleet's habits for this task. */
  readonly habits?: Partial<Habits>;
}

/** Probabilities, each drawn once per life from the seed. */
export interface Habits {
  /** Writes rendered fields at its start. */
  readonly rtif: number;
  /** … and writes them twice at once, as a client whose first answer was lost. */
  readonly rtif_twice: number;
  /** Pushes an XCom before its end. */
  readonly xcom: number;
  /** Its start and its end report are sent, their answers are dropped, and they are sent again. */
  readonly lost_answer: number;
  /** Ends `failed` or `up_for_retry`, as the server allows. */
  readonly fails: number;
  /** Dies without a word after its start. */
  readonly silent_death: number;
  /** Is lost before it starts (a pod that cannot be scheduled); its executor tells the scheduler. Absent: never. */
  readonly never_starts?: number;
  /** Hands over to the triggerer half-way, and goes on in another life when its trigger has fired. */
  readonly defers: number;
  /**
   * While it works, another worker sends a heartbeat for its task and tries to start it, with its token: a zombie, or
   * a workload that was delivered twice. The server must refuse both.
   */
  readonly impostor: number;
}

export interface FleetSpec {
  readonly habits: Habits;
  readonly heartbeat_ms: number;
  /** The real client's: 5 s time-out, 5 tries on 5xx and network errors only. */
  readonly timeout_ms: number;
  readonly retries: number;
  /** Connections to the Execution API. */
  readonly connections: number;
}

export type OperatorSpec =
  /**
   * Creates backfills one after another over these DAGs: each `runs` one-minute intervals long, in the past. With
   * `empty`, over ranges that hold no interval at all: the server may refuse that, but must not keep what it refused.
   */
  | {
      readonly operator: 'backfill';
      readonly dags: readonly string[];
      readonly runs: number;
      readonly max_active_runs: number;
      /** A second POST for the same DAG while the first is under way, after this delay. Null: none. */
      readonly second_after_ms: number | null;
      readonly start_after_ms: number;
      readonly pause_ms: number;
      readonly empty?: boolean;
    }
  /** Triggers a DAG run of one of these DAGs each time. */
  | ({ readonly operator: 'trigger'; readonly dags: readonly string[] } & Timing)
  /** Clears a task instance of a live life each time. */
  | ({ readonly operator: 'clear'; readonly dags: readonly string[] } & Timing)
  /**
   * Marks a task instance of a live life as failed each time; with `upstream`, the task of that name in its run
   * instead, which has ended: what a person does who finds its result bad.
   */
  | ({ readonly operator: 'mark'; readonly dags: readonly string[]; readonly upstream?: string } & Timing);

/** A scenario made definite: what `manifest.json` keeps, and what the same seed gives again. */
export interface Plan {
  readonly seed: number;
  readonly scenario: Scenario;
  /** The windows, in the order of their opening. Absent in plans of before there were faults. */
  readonly faults?: readonly PlannedFault[];
}
