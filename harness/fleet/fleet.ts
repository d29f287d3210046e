import type { Delivery } from '../handoff/delivery.ts';
import type { LifeOutcome, Workload } from '../handoff/workload.ts';
import { roundMs } from '../model/clock.ts';
import { StackError } from '../model/errors.ts';
import { ofAnotherRun } from '../model/namespace.ts';
import type { Life, LifeEnd, Operation } from '../model/operation.ts';
import { Rng } from '../model/rng.ts';
import { note, type RunContext } from '../model/run-context.ts';
import { type DagSpec, executorBehaviourOf, type TaskSpec } from '../model/scenario.ts';
import { CancelSource } from '../worker/cancel.ts';
import { type WorkerClient, workerClient } from '../worker/client.ts';
import type { Hazards } from '../worker/hazards.ts';
import type { LifeSpec } from '../worker/life-spec.ts';
import type { CompletionNotifier } from './completion-notifier.ts';
import type { Engine, FleetHooks, RealWorker } from './engines/engine.ts';
import { newsDelayMs, newsOf } from './news.ts';

export interface FleetOptions {
  readonly dagNamespace: string;
  readonly engine: Engine;
  readonly hazards: Hazards;
  readonly completions: CompletionNotifier;
  /** Airflow's, such as `3.2.1`: what its workers' executors say of an end depends on it. Absent: the newest. */
  readonly release?: string | undefined;
}

/** A life that has not ended. */
export interface LiveLife {
  readonly workload: Workload;
  /** On the run's clock; null until the server has accepted its start. */
  readonly startedMs: number | null;
}

/** All simulated workers: takes workloads of the schedulers, has each one's life played, and records how it ended. */
export class Fleet {
  readonly #context: RunContext;
  readonly #options: FleetOptions;
  readonly #tasks: ReadonlyMap<string, TaskSpec>;
  readonly #client: WorkerClient;
  /** Of each branch, by its DAG and its name, the tasks after it that it does not skip. */
  readonly #follows: ReadonlyMap<string, readonly string[]>;
  readonly #live = new Map<number, FleetLife>();
  /** How often each task has been handed over: names a life's generator, in whatever order lives arrive. */
  readonly #turns = new Map<string, number>();
  #closed = false;
  /** Called when the last life has ended. */
  #onEmpty: (() => void) | undefined;
  #lives = 0;

  constructor(context: RunContext, options: FleetOptions) {
    this.#context = context;
    this.#options = options;
    const { dags, fleet } = context.plan.scenario;
    this.#client = workerClient(fleet.release ?? options.release);
    this.#tasks = new Map(
      dags.flatMap((dag) =>
        dag.tasks.map((task) => [`${options.dagNamespace}${dag.dag_id}/${task.task_id}`, task] as const),
      ),
    );
    this.#follows = new Map(
      dags.flatMap((dag) =>
        dag.tasks
          .filter(({ skips }) => skips !== undefined)
          .map((task) => [`${options.dagNamespace}${dag.dag_id}/${task.task_id}`, followed(dag, task)] as const),
      ),
    );
  }

  get live(): readonly LiveLife[] {
    return [...this.#live.values()];
  }

  /** Lives that the server has let start. */
  get working(): number {
    return this.live.filter((life) => life.startedMs !== null).length;
  }

  /** Lives so far: one of each workload that was handed over, and duplicates. */
  get begun(): number {
    return this.#lives;
  }

  /**
   * Whether a workload is of this run, or left over from one before it. Any other is of others, and ends the run:
   * it is neither played nor acknowledged, so that Airflow's own time-out for queued tasks has it.
   */
  accepts({ ti: { dag_id, task_id } }: Workload, scheduler: string): boolean {
    const { dagNamespace } = this.#options;
    if (this.#tasks.has(`${dag_id}/${task_id}`) || ofAnotherRun(dag_id, dagNamespace)) return true;
    const problem =
      `${scheduler} handed over ${dag_id}.${task_id}, which is not of this run. It was neither played nor ` +
      "acknowledged: Airflow's own time-out for queued tasks ends its wait. Pause that DAG, or let another executor " +
      'have it (docs/target.md).';
    note(this.#context, 'ERROR', problem);
    this.#context.fail(new StackError(problem));
    return false;
  }

  /** A scheduler hands over a workload that `accepts` let in: its life starts here. */
  begin(workload: Workload, scheduler: string, delivery: Delivery): void {
    const { clock, plan } = this.#context;
    const { dag_id, task_id, map_index, try_number } = workload.ti;
    if (ofAnotherRun(dag_id, this.#options.dagNamespace)) {
      // Left over from a run before this one: its worker has gone, and the slot that it holds is to be free again.
      setImmediate(() => delivery.end('fail'));
      return;
    }
    const name = `${dag_id}/${task_id}/${map_index}/${try_number}`;
    const turn = this.#turns.get(name) ?? 0;
    this.#turns.set(name, turn + 1);
    const task = this.#tasks.get(`${dag_id}/${task_id}`);
    if (task === undefined) throw new Error(`${dag_id}.${task_id} is not of this run`);
    const spec: LifeSpec = {
      ...this.#newWorker(),
      duplicateOf: null,
      workload,
      task,
      fleet: plan.scenario.fleet,
      client: this.#client,
      follows: this.#follows.get(`${dag_id}/${task_id}`) ?? [],
      outlets: (task.outlets ?? []).map((asset) => `${this.#options.dagNamespace}${asset}`),
      triggers: task.triggers === undefined ? null : `${this.#options.dagNamespace}${task.triggers}`,
      handedMs: clock.now(),
      seed: plan.seed,
      name,
      turn,
    };
    const handed = new HandedWorkload(delivery, scheduler);
    this.#start(spec, handed);
    const { hazards } = this.#options;
    if (hazards.isCalm) return;
    const duplicate = hazards.of(spec.life, new Rng(plan.seed, 'duplicate', name, turn)).hit('duplicate_delivery');
    if (!duplicate) return;
    handed.lives++;
    const later = { ...task, pickup_ms: [duplicate.ms, duplicate.ms] as const };
    this.#start({ ...spec, ...this.#newWorker(), duplicateOf: spec.life, task: later }, handed);
  }

  /** Airflow takes a workload out of the queue: a life that has started does not notice. */
  revoke(delivery: number): void {
    for (const { handed } of this.#live.values()) if (handed.delivery.number === delivery) handed.revoked = true;
  }

  /** Takes note of a request that was not answered with 2xx. */
  failed(operation: Operation): void {
    if (operation.kind.startsWith('impostor')) return;
    const life = operation.life === null ? undefined : this.#live.get(operation.life);
    if (life) life.failed = operation;
  }

  /** Ends every life where it is; then no scheduler is notified any more. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#live.values()) cancel.cancel();
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      if (this.#live.size === 0) resolve();
    });
    this.#options.completions.close();
  }

  /** Each life has a host of its own: the server distinguishes workers by host name and pid. */
  #newWorker(): Pick<LifeSpec, 'life' | 'worker' | 'pid'> {
    const life = ++this.#lives;
    return { life, worker: `w-${life}`, pid: 1000 + (life % 30_000) };
  }

  #start(spec: LifeSpec, handed: HandedWorkload): void {
    const life = new FleetLife(spec.workload, handed, this.#options.completions);
    this.#live.set(spec.life, life);
    if (this.#closed) life.cancel.cancel();
    this.#options.engine
      .play(spec, life)
      .then((end) => {
        this.#remove(spec.life);
        this.#record(spec, life, end);
        this.#notifyScheduler(spec, life, end);
      })
      .catch((error: unknown) => {
        this.#remove(spec.life);
        this.#context.fail(error instanceof Error ? error : new Error(String(error)));
      });
  }

  #remove(life: number): void {
    this.#live.delete(life);
    if (this.#live.size === 0) this.#onEmpty?.();
  }

  #record({ life, worker, pid, workload, handedMs, duplicateOf }: LifeSpec, played: FleetLife, end: LifeEnd): void {
    const { record, clock } = this.#context;
    const { ti } = workload;
    const { scheduler, delivery } = played.handed;
    const row: Life = {
      life,
      worker,
      pid: played.realWorker?.pid ?? pid,
      ti_id: ti.id,
      dag_id: ti.dag_id,
      run_id: ti.run_id,
      task_id: ti.task_id,
      map_index: ti.map_index,
      try_number: ti.try_number,
      scheduler,
      handed_ms: roundMs(handedMs),
      started_ms: played.startedMs === null ? null : roundMs(played.startedMs),
      ended_ms: roundMs(clock.now()),
      end,
      deliveries: delivery.ofThisTask,
      duplicate_of: duplicateOf,
      log: played.realWorker?.log ?? null,
    };
    record.append('lives', row);
  }

  #notifyScheduler({ name, turn }: LifeSpec, played: FleetLife, end: LifeEnd): void {
    const { handed, failed } = played;
    const { seed, scenario } = this.#context.plan;
    const behaviour = executorBehaviourOf(scenario);
    // Celery has a result of each message; otherwise its duplicate has the task, and will report.
    if (end === 'refused' && ++handed.refused < handed.lives && behaviour !== 'celery') return;
    const ending = { end, failed: end === 'reported' ? undefined : failed, raised: played.raised };
    const news = newsOf(behaviour, this.#options.release, ending);
    // It may be handed over again before the executor has noticed, and is no resend then.
    if (behaviour !== 'calm') handed.delivery.leave();
    if (news === null || played.isNewsWithheld) return;
    // A real supervisor has taken its time.
    const afterMs = played.realWorker ? 0 : newsDelayMs(scenario, ending, new Rng(seed, 'news', name, turn));
    this.#options.completions.notify(handed.delivery, news, afterMs);
  }
}

function followed(dag: DagSpec, { task_id, skips = [] }: TaskSpec): string[] {
  return dag.tasks
    .filter(({ upstream }) => upstream.includes(task_id))
    .flatMap((after) => (skips.includes(after.task_id) ? [] : [after.task_id]));
}

/** What a scheduler handed over: played by one life, or by two where it came twice. */
class HandedWorkload {
  readonly delivery: Delivery;
  readonly scheduler: string;
  lives = 1;
  /** How many of them were refused at their start. */
  refused = 0;
  revoked = false;

  constructor(delivery: Delivery, scheduler: string) {
    this.delivery = delivery;
    this.scheduler = scheduler;
  }
}

/**
 * A class, so that ten thousand of them share their functions: closures for each would be half of what a life takes.
 */
class FleetLife implements FleetHooks, LiveLife {
  readonly workload: Workload;
  readonly handed: HandedWorkload;
  readonly #completions: CompletionNotifier;
  startedMs: number | null = null;
  realWorker: RealWorker | undefined;
  /** Whether its supervisor raised, of a real worker that has ended. */
  raised: boolean | undefined;
  /** Its last request that failed. */
  failed: Operation | undefined;
  isNewsWithheld = false;
  /**
   * Each life has its own: a signal walks through its listeners whenever one more comes, which takes too long where ten
   * thousand lives share one.
   */
  readonly cancel = new CancelSource();

  constructor(workload: Workload, handed: HandedWorkload, completions: CompletionNotifier) {
    this.workload = workload;
    this.handed = handed;
    this.#completions = completions;
  }

  withholdNews(): boolean {
    const isNew = !this.isNewsWithheld;
    this.isNewsWithheld = true;
    return isNew;
  }

  reportEnd(outcome: LifeOutcome): void {
    this.#completions.notify(this.handed.delivery, outcome);
  }

  isRevoked(): boolean {
    return this.handed.revoked;
  }

  onStarted(atMs: number): void {
    this.startedMs = atMs;
  }

  onRealWorker(worker: RealWorker): void {
    this.realWorker = worker;
  }

  onSupervisorEnd(raised: boolean): void {
    this.raised = raised;
  }

  onLeaving(): void {
    this.handed.delivery.leave();
  }
}
