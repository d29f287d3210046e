import { Dispatcher } from '../handoff/dispatcher.ts';
import type { Workload } from '../handoff/workload.ts';
import { roundMs } from '../model/clock.ts';
import { ofAnotherRun } from '../model/namespace.ts';
import type { Life, LifeEnd } from '../model/operation.ts';
import { Rng } from '../model/rng.ts';
import type { Plan, TaskSpec } from '../model/scenario.ts';
import type { RunClock } from '../run-folder/clock.ts';
import type { RunFolder } from '../run-folder/writer.ts';
import { Ending } from '../worker/cancel.ts';
import { Hazards } from '../worker/hazards.ts';
import type { Birth } from '../worker/life-spec.ts';
import { EndNews } from './completion-notifier.ts';
import type { ConnectionUse, Engine, Hooks } from './engines/engine.ts';
import { Native } from './engines/native.ts';
import { RequestLog } from './http-client.ts';

/** What was taken back is forgotten already. Dead workers cannot say so, and a harness that stops has nothing to say. */
const UNHEARD: readonly LifeEnd[] = ['revoked', 'silent', 'gave-up', 'lost', 'run-ended'];

/** A task that the scenario does not know (a user's own DAG on a target) is given an ordinary life. */
const UNKNOWN_TASK: TaskSpec = { task_id: '', upstream: [], duration_ms: [1_000, 5_000] };

export interface FleetOptions {
  readonly plan: Plan;
  readonly executionUrls: readonly string[];
  readonly handOffAddress: string;
  readonly dagNamespace: string;
  readonly record: RunFolder;
  readonly clock: RunClock;
  /** Who plays the lives; undefined: this thread. */
  engine?(parts: EngineParts): Promise<Engine | undefined>;
  onError(error: Error): void;
}

export interface EngineParts {
  readonly book: RequestLog;
  readonly hazards: Hazards;
}

/** A life that has started and not ended. */
export interface LiveLife {
  readonly workload: Workload;
  readonly startedMs: number | null;
}

/** All simulated workers: takes workloads from the schedulers and plays each one's life. */
export class Fleet {
  readonly numbers: RequestLog;
  readonly hazards = new Hazards();
  /** What the schedulers are told of the ends of lives. */
  readonly endNews = new EndNews((delivery, outcome, againAfterMs) =>
    this.#dispatcher?.end(delivery, outcome, againAfterMs),
  );
  readonly #options: FleetOptions;
  #engine: Engine | undefined;
  readonly #tasks: ReadonlyMap<string, TaskSpec>;
  readonly #live = new Map<number, Living>();
  /** How often each task has been handed over: names a life's generator, whatever order lives arrive in. */
  readonly #turns = new Map<string, number>();
  #over = false;
  /** Called when the last life has ended. */
  #onEmpty: (() => void) | undefined;
  #dispatcher: Dispatcher | undefined;
  #lives = 0;

  private constructor(options: FleetOptions) {
    const { plan, record, dagNamespace } = options;
    this.#options = options;
    this.numbers = new RequestLog(record);
    this.#tasks = new Map(
      plan.scenario.dags.flatMap((dag) =>
        dag.tasks.map((task) => [`${dagNamespace}${dag.dag_id}/${task.task_id}`, task] as const),
      ),
    );
  }

  static async open(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    const { numbers: book, hazards } = fleet;
    const { plan, executionUrls, clock } = options;
    fleet.#engine =
      (await options.engine?.({ book, hazards })) ??
      new Native({ fleet: plan.scenario.fleet, executionUrls, clock, book, hazards });
    try {
      fleet.#dispatcher = await Dispatcher.listen({
        address: options.handOffAddress,
        // A target that names another host says `i_own_this`; what we start ourselves has a socket file.
        elsewhere: true,
        onWorkload: (workload, from, delivery) => fleet.#begin(workload, from, delivery),
        onRevoke: (_key, delivery) => fleet.#takeBack(delivery),
        revokeTakesMs: () => fleet.endNews.revokeTakesMs(),
        onError: (error) => options.onError(error),
      });
    } catch (error) {
      await fleet.#engine.close();
      throw error;
    }
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

  get connections(): ConnectionUse | undefined {
    return this.#engine?.connections;
  }

  /** `close` comes then, or before, on the run's clock. */
  willClose(atMs: number): void {
    this.#engine?.willEndAt?.(atMs);
  }

  /** Ends every life where it is, then the dispatcher. Idempotent. */
  async close(): Promise<void> {
    this.#over = true;
    for (const { over } of this.#live.values()) over.end();
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      if (this.#live.size === 0) resolve();
    });
    this.endNews.close();
    await this.#dispatcher?.close();
    await this.#engine?.close();
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
    const task = this.#tasks.get(`${dag_id}/${task_id}`) ?? UNKNOWN_TASK;
    const birth: Birth = {
      ...this.#newWorker(),
      duplicateOf: null,
      workload,
      task,
      fleet: plan.scenario.fleet,
      handedMs: clock.now(),
      seed: plan.seed,
      name,
      turn,
    };
    const delivery = { number, lives: 1, refused: 0, revoked: false };
    this.#go({ birth, scheduler, delivery });
    if (this.hazards.isCalm) return;
    const twin = this.hazards.of(birth.life, new Rng(plan.seed, 'twin', name, turn)).hit('duplicate_delivery');
    if (!twin) return;
    delivery.lives++;
    const later = { ...task, pickup_ms: [twin.ms, twin.ms] as const };
    this.#go({
      birth: { ...birth, ...this.#newWorker(), duplicateOf: birth.life, task: later },
      scheduler,
      delivery,
    });
  }

  /** Each life has a host of its own: the server tells workers apart by host name and pid. */
  #newWorker(): Pick<Birth, 'life' | 'worker' | 'pid'> {
    const life = ++this.#lives;
    return { life, worker: `w-${life}`, pid: 1000 + (life % 30_000) };
  }

  /** The queue drops it: who has started does not hear of it. */
  #takeBack(delivery: number): void {
    for (const life of this.#live.values()) {
      if (life.delivery.number === delivery) life.revoke();
    }
  }

  #go(handed: HandedOver): void {
    const { birth, delivery } = handed;
    const living = new Living(birth.workload, delivery, this.#dispatcher);
    this.#live.set(birth.life, living);
    if (this.#over) living.over.end();
    if (!this.#engine) throw new Error('a workload came before there was anybody to play it');
    this.#engine
      .play(birth, living)
      .then((end) => {
        this.#leaves(birth.life);
        this.#end({ ...handed, startedMs: living.startedMs, end });
      })
      .catch((error: unknown) => {
        this.#leaves(birth.life);
        this.#options.onError(error instanceof Error ? error : new Error(String(error)));
      });
  }

  #leaves(life: number): void {
    this.#live.delete(life);
    if (this.#live.size === 0) this.#onEmpty?.();
  }

  #end(ended: EndedLife): void {
    const { birth } = ended;
    const { ti } = birth.workload;
    const row: Life = {
      life: birth.life,
      worker: birth.worker,
      pid: birth.pid,
      ti_id: ti.id,
      dag_id: ti.dag_id,
      run_id: ti.run_id,
      task_id: ti.task_id,
      map_index: ti.map_index,
      try_number: ti.try_number,
      scheduler: ended.scheduler,
      handed_ms: roundMs(birth.handedMs),
      started_ms: ended.startedMs === null ? null : roundMs(ended.startedMs),
      ended_ms: roundMs(this.#options.clock.now()),
      end: ended.end,
      deliveries: this.#dispatcher?.deliveriesOf(ti.id) ?? 1,
      duplicate_of: birth.duplicateOf,
    };
    this.#options.record.append('lives', row);
    this.#tell(ended);
  }

  #tell({ delivery, end }: EndedLife): void {
    if (UNHEARD.includes(end)) return;
    if (end === 'refused' && ++delivery.refused < delivery.lives) return; // Its duplicate has the task, and will say.
    this.endNews.tell(delivery.number, end === 'reported' ? 'success' : 'fail');
  }
}

/** A class, so that ten thousand of them share what they do: closures for each would be half of what a life takes. */
class Living implements Hooks, LiveLife {
  readonly workload: Workload;
  readonly delivery: Delivery;
  startedMs: number | null = null;
  /**
   * Each life has its own: whatever waits listens to it, and a signal walks through its listeners whenever one more
   * comes, which ten thousand lives would not bear.
   */
  readonly over = new Ending();
  readonly #dispatcher: Dispatcher | undefined;
  #revokedListener: (() => void) | undefined;

  constructor(workload: Workload, delivery: Delivery, dispatcher: Dispatcher | undefined) {
    this.workload = workload;
    this.delivery = delivery;
    this.#dispatcher = dispatcher;
  }

  isRevoked(): boolean {
    return this.delivery.revoked;
  }

  onRevoked(listener: () => void): void {
    this.#revokedListener = listener;
  }

  revoke(): void {
    this.delivery.revoked = true;
    this.#revokedListener?.();
  }

  onStarted(atMs: number): void {
    this.startedMs = atMs;
  }

  onLeaving(): void {
    this.#dispatcher?.leave(this.delivery.number);
  }
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
  readonly birth: Birth;
  readonly scheduler: string;
  readonly delivery: Delivery;
}

interface EndedLife extends HandedOver {
  readonly startedMs: number | null;
  readonly end: LifeEnd;
}
