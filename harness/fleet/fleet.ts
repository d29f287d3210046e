import { Dispatcher } from '../handoff/dispatcher.ts';
import type { Workload } from '../handoff/workload.ts';
import { ofAnotherRun } from '../model/namespace.ts';
import type { Life, LifeEnd } from '../model/operation.ts';
import { Rng } from '../model/rng.ts';
import type { Plan, TaskSpec } from '../model/scenario.ts';
import { type RunClock, roundMs } from '../record/clock.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { ApiClient, OperationNumbers } from './api-client.ts';
import { Disturbances, type Disturbed } from './disturbances.ts';
import { EndNews } from './end-news.ts';
import { playLife } from './life.ts';

/** A task that the scenario does not know (a user's own DAG on a target) is given an ordinary life. */
const UNKNOWN_TASK: TaskSpec = { task_id: '', upstream: [], duration_ms: [1_000, 5_000] };

export interface FleetOptions {
  readonly plan: Plan;
  readonly executionUrls: readonly string[];
  readonly handOffAddress: string;
  readonly dagNamespace: string;
  readonly record: RunFolder;
  readonly clock: RunClock;
  onError(error: Error): void;
}

/** A life that has started and not ended. */
export interface LiveLife {
  readonly workload: Workload;
  readonly startedMs: number | null;
}

/** All simulated workers: takes workloads from the schedulers and plays each one's life. */
export class Fleet {
  readonly numbers = new OperationNumbers();
  readonly disturbances = new Disturbances();
  /** What the schedulers are told of the ends of lives. */
  readonly endNews = new EndNews((delivery, outcome, againAfterMs) =>
    this.#dispatcher?.end(delivery, outcome, againAfterMs),
  );
  readonly #options: FleetOptions;
  readonly #api: ApiClient;
  readonly #tasks: ReadonlyMap<string, TaskSpec>;
  readonly #live = new Map<number, Living>();
  readonly #playing = new Set<Promise<void>>();
  /** How often each task has been handed over: names a life's generator, whatever order lives arrive in. */
  readonly #turns = new Map<string, number>();
  #over = false;
  #dispatcher: Dispatcher | undefined;
  #lives = 0;

  private constructor(options: FleetOptions) {
    const { plan, record, clock, executionUrls, dagNamespace } = options;
    const { connections, timeout_ms, retries } = plan.scenario.fleet;
    this.#options = options;
    this.#api = new ApiClient({
      urls: executionUrls,
      connections,
      timeoutMs: timeout_ms,
      retries,
      record,
      clock,
      numbers: this.numbers,
    });
    this.#tasks = new Map(
      plan.scenario.dags.flatMap((dag) =>
        dag.tasks.map((task) => [`${dagNamespace}${dag.dag_id}/${task.task_id}`, task] as const),
      ),
    );
  }

  static async open(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    fleet.#dispatcher = await Dispatcher.listen({
      address: options.handOffAddress,
      onWorkload: (workload, from, delivery) => fleet.#begin(workload, from, delivery),
      onRevoke: (_key, delivery) => fleet.#takeBack(delivery),
      revokeTakesMs: () => fleet.endNews.revokeTakesMs(),
      onError: (error) => options.onError(error),
    });
    return fleet;
  }

  get live(): readonly LiveLife[] {
    return [...this.#live.values()];
  }

  /** Workloads handed over so far. */
  get handed(): number {
    return this.#lives;
  }

  /** Schedulers that are connected. */
  get schedulers(): number {
    return this.#dispatcher?.known().executors ?? 0;
  }

  /** Ends every life where it is, then the dispatcher. Idempotent. */
  async close(): Promise<void> {
    this.#over = true;
    for (const { over } of this.#live.values()) over.abort();
    await Promise.all(this.#playing);
    this.endNews.close();
    await this.#dispatcher?.close();
    await this.#api.close();
  }

  #begin(workload: Workload, scheduler: string, number: number): void {
    const { clock, plan, dagNamespace } = this.#options;
    const { dag_id, task_id, map_index, try_number } = workload.ti;
    if (ofAnotherRun(dag_id, dagNamespace)) {
      // Left over from a run before this one: its worker is gone, and the slot that it holds is to be free again.
      setImmediate(() => this.#dispatcher?.end(number, 'fail'));
      return;
    }
    const name = `${dag_id}/${task_id}/${map_index}/${try_number}`;
    const turn = this.#turns.get(name) ?? 0;
    this.#turns.set(name, turn + 1);
    const life = ++this.#lives;
    const disturbed = this.disturbances.of(life, new Rng(plan.seed, 'disturbed', name, turn));
    const delivery = { number, lives: 1, refused: 0, revoked: false };
    const task = this.#tasks.get(`${dag_id}/${task_id}`) ?? UNKNOWN_TASK;
    const handed = { workload, scheduler, delivery, handedMs: clock.now() };
    const twin = disturbed.hit('twin_delivery');
    this.#go({ ...handed, life, copyOf: null, task, rng: new Rng(plan.seed, 'life', name, turn), disturbed });
    if (!twin) return;
    delivery.lives++;
    const copy = ++this.#lives;
    this.#go({
      ...handed,
      life: copy,
      copyOf: life,
      task: { ...task, pickup_ms: [twin.ms, twin.ms] },
      rng: new Rng(plan.seed, 'copy', name, turn),
      disturbed: this.disturbances.of(copy, new Rng(plan.seed, 'disturbed copy', name, turn)),
    });
  }

  /** The queue drops it: who has started does not hear of it. */
  #takeBack(delivery: number): void {
    for (const life of this.#live.values()) if (life.delivery.number === delivery) life.delivery.revoked = true;
  }

  #go(handed: HandedOver): void {
    const playing = this.#play(handed).catch((error: unknown) =>
      this.#options.onError(error instanceof Error ? error : new Error(String(error))),
    );
    this.#playing.add(playing);
    void playing.finally(() => this.#playing.delete(playing));
  }

  async #play(handed: HandedOver): Promise<void> {
    const { life, workload, delivery, task, rng, disturbed } = handed;
    const { plan, clock } = this.#options;
    const state: Living = { workload, delivery, startedMs: null, over: new AbortController() };
    this.#live.set(life, state);
    if (this.#over) state.over.abort();
    // Each life has a host of its own: the server tells workers apart by host name and pid.
    const worker = `w-${life}`;
    const pid = 1000 + (life % 30_000);
    const end = await playLife({
      workload,
      task,
      fleet: plan.scenario.fleet,
      life,
      worker,
      pid,
      api: this.#api,
      numbers: this.numbers,
      clock,
      rng,
      disturbed,
      isRevoked: () => delivery.revoked,
      onStarted: () => {
        state.startedMs = clock.now();
      },
      onLeaving: () => this.#dispatcher?.leave(delivery.number),
      signal: state.over.signal,
    });
    this.#live.delete(life);
    this.#end({ ...handed, worker, pid, startedMs: state.startedMs, end });
  }

  #end(ended: EndedLife): void {
    const { ti } = ended.workload;
    const row: Life = {
      life: ended.life,
      worker: ended.worker,
      pid: ended.pid,
      ti_id: ti.id,
      dag_id: ti.dag_id,
      run_id: ti.run_id,
      task_id: ti.task_id,
      map_index: ti.map_index,
      try_number: ti.try_number,
      scheduler: ended.scheduler,
      handed_ms: roundMs(ended.handedMs),
      started_ms: ended.startedMs === null ? null : roundMs(ended.startedMs),
      ended_ms: roundMs(this.#options.clock.now()),
      end: ended.end,
      deliveries: this.#dispatcher?.deliveriesOf(ti.id) ?? 1,
      copy_of: ended.copyOf,
    };
    this.#options.record.append('lives', row);
    this.#tell(ended);
  }

  #tell({ delivery, end }: EndedLife): void {
    // What was taken back is forgotten already. A worker that died cannot say so, and a harness that stops has nothing
    // to say: Airflow must notice by itself.
    if (end === 'revoked' || end === 'silent' || end === 'gave-up' || end === 'run-ended') return;
    if (end === 'refused' && ++delivery.refused < delivery.lives) return; // Its twin has the task, and will say.
    this.endNews.tell(delivery.number, end === 'reported' ? 'success' : 'fail');
  }
}

interface Living {
  readonly workload: Workload;
  readonly delivery: Delivery;
  startedMs: number | null;
  /**
   * The run is over. Each life has its own: whatever waits listens to it, and a signal walks through its listeners
   * whenever one more comes, which ten thousand lives would not bear.
   */
  readonly over: AbortController;
}

/** What a scheduler handed over: played by one life, or by two where it came twice. */
interface Delivery {
  /** The dispatcher's. */
  readonly number: number;
  lives: number;
  /** How many of them were refused at their start. */
  refused: number;
  /** Airflow has taken it back. */
  revoked: boolean;
}

interface HandedOver {
  readonly life: number;
  /** The life whose workload it plays a second time, as what a queue delivers twice. */
  readonly copyOf: number | null;
  readonly workload: Workload;
  readonly scheduler: string;
  readonly delivery: Delivery;
  readonly handedMs: number;
  readonly task: TaskSpec;
  readonly rng: Rng;
  readonly disturbed: Disturbed;
}

interface EndedLife extends HandedOver {
  readonly worker: string;
  readonly pid: number;
  readonly startedMs: number | null;
  readonly end: LifeEnd;
}
