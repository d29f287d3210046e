import { setMaxListeners } from 'node:events';

import { Dispatcher } from '../handoff/dispatcher.ts';
import type { Workload } from '../handoff/workload.ts';
import type { Life, LifeEnd } from '../model/operation.ts';
import { Rng } from '../model/rng.ts';
import type { Plan, TaskSpec } from '../model/scenario.ts';
import { type RunClock, roundMs } from '../record/clock.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { ApiClient, OperationNumbers } from './api-client.ts';
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
  readonly #options: FleetOptions;
  readonly #api: ApiClient;
  readonly #tasks: ReadonlyMap<string, TaskSpec>;
  readonly #live = new Map<number, { workload: Workload; startedMs: number | null }>();
  readonly #playing = new Set<Promise<void>>();
  /** How often each task has been handed over: names a life's generator, whatever order lives arrive in. */
  readonly #turns = new Map<string, number>();
  readonly #over = new AbortController();
  #dispatcher: Dispatcher | undefined;
  #lives = 0;

  private constructor(options: FleetOptions) {
    const { plan, record, clock, executionUrls, dagNamespace } = options;
    // Every waiting life listens to it: thousands of listeners are meant here, not leaked.
    setMaxListeners(0, this.#over.signal);
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
    this.#over.abort();
    await Promise.all(this.#playing);
    await this.#dispatcher?.close();
    await this.#api.close();
  }

  #begin(workload: Workload, scheduler: string, delivery: number): void {
    const handed = { life: ++this.#lives, workload, scheduler, delivery, handedMs: this.#options.clock.now() };
    const playing = this.#play(handed).catch((error: unknown) =>
      this.#options.onError(error instanceof Error ? error : new Error(String(error))),
    );
    this.#playing.add(playing);
    void playing.finally(() => this.#playing.delete(playing));
  }

  async #play(handed: HandedOver): Promise<void> {
    const { life, workload, delivery } = handed;
    const { plan, clock } = this.#options;
    const { ti } = workload;
    const name = `${ti.dag_id}/${ti.task_id}/${ti.map_index}/${ti.try_number}`;
    const turn = this.#turns.get(name) ?? 0;
    this.#turns.set(name, turn + 1);
    const state = { workload, startedMs: null as number | null };
    this.#live.set(life, state);
    // Each life has a host of its own: the server tells workers apart by host name and pid.
    const worker = `w-${life}`;
    const end = await playLife({
      workload,
      task: this.#tasks.get(`${ti.dag_id}/${ti.task_id}`) ?? UNKNOWN_TASK,
      fleet: plan.scenario.fleet,
      life,
      worker,
      pid: 1000 + (life % 30_000),
      api: this.#api,
      numbers: this.numbers,
      clock,
      rng: new Rng(plan.seed, 'life', name, turn),
      onStarted: () => {
        state.startedMs = clock.now();
      },
      onLeaving: () => this.#dispatcher?.leave(delivery),
      signal: this.#over.signal,
    });
    this.#live.delete(life);
    this.#end({ ...handed, worker, pid: 1000 + (life % 30_000), startedMs: state.startedMs, end });
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
    };
    this.#options.record.append('lives', row);
    // A worker that died cannot say so, and a harness that stops has nothing to say: Airflow must notice by itself.
    if (ended.end === 'silent' || ended.end === 'gave-up' || ended.end === 'run-ended') return;
    this.#dispatcher?.end(ended.delivery, ended.end === 'reported' ? 'success' : 'fail');
  }
}

interface HandedOver {
  readonly life: number;
  readonly workload: Workload;
  readonly scheduler: string;
  /** The dispatcher's number of it. */
  readonly delivery: number;
  readonly handedMs: number;
}

interface EndedLife extends HandedOver {
  readonly worker: string;
  readonly pid: number;
  readonly startedMs: number | null;
  readonly end: LifeEnd;
}
