import type { WorkloadTaskInstance } from '../handoff/workload.ts';
import type { Clock } from '../model/clock.ts';
import { isRecord } from '../model/json.ts';
import type { OperatorAction } from '../model/misbehaviour.ts';
import type { Rng } from '../model/rng.ts';
import type { Answer, OperationSubject, RequestSpec, Requests } from '../worker/requests.ts';
import type { LiveLife } from './fleet.ts';

/** As many tasks of a run as one bulk request names, at most. */
const BULK = 8;
/** POST /backfills creates its runs before it answers: hundreds take most of a minute on two busy cores. */
const BACKFILL_TIMEOUT_MS = 180_000;

export interface OperatorActionsOptions {
  readonly requests: Requests;
  readonly token: Promise<string>;
  readonly clock: Clock;
  readonly dagNamespace: string;
  live(): readonly LiveLife[];
}

/** Who acts, on which DAGs, and until when. */
export interface By {
  readonly operator: string;
  /** As the scenario names them. */
  readonly dags: readonly string[];
  readonly rng: Rng;
  readonly signal: AbortSignal;
}

interface BackfillRange {
  /** Epoch milliseconds. */
  readonly begin: number;
  readonly end: number;
  readonly runs: number;
  readonly max_active_runs: number;
}

/** As the public API names it. */
export interface Asset {
  readonly id: number;
  readonly name: string;
}

/** Who sends a request, and until when it is waited for. */
export type Sender = Pick<By, 'operator' | 'signal'>;

/** A request; `about`: the object that it concerns. */
type ActionRequest = Pick<RequestSpec, 'kind' | 'method' | 'path' | 'body'> &
  Partial<Pick<RequestSpec, 'requested' | 'target' | 'targetOf' | 'timeoutMs'>> & {
    readonly about?: Partial<OperationSubject>;
  };

/** Actions on running tasks through the public API. Each resolves when it is answered. */
export class OperatorActions {
  readonly #options: OperatorActionsOptions;

  constructor(options: OperatorActionsOptions) {
    this.#options = options;
  }

  /** Undefined where no worker is at work. */
  async perform(action: OperatorAction, by: By): Promise<Answer | undefined> {
    const ti = this.#runningTask(by);
    if (!ti) return undefined;
    switch (action) {
      case 'clear':
        return this.clear(ti, by);
      case 'mark':
        return this.mark(ti, by.rng.pick(['success', 'failed', 'skipped']), by);
      case 'delete':
        return this.delete(ti, by);
      case 'bulk':
        return this.#bulk(ti, by);
      default:
        throw new Error(`unknown action ${JSON.stringify(action satisfies never)}`);
    }
  }

  /** As the scenarios' operators do it: a running task, or the task of that name upstream of it in its run. */
  async markFailed(by: By, upstream?: string): Promise<void> {
    if (upstream === undefined) {
      const ti = this.#runningTask(by);
      if (ti) await this.mark(ti, 'failed', by);
      return;
    }
    const [first, ...rest] = this.#working(by).filter(({ task_id }) => task_id !== upstream);
    if (!first) return;
    const { dag_id, run_id } = by.rng.pick([first, ...rest]);
    await this.mark({ dag_id, run_id, task_id: upstream, map_index: -1 }, 'failed', by);
  }

  /** A run now; `run_id`: absent, Airflow gives it one. */
  trigger(dag_id: string, by: Sender, run_id?: string): Promise<Answer> {
    const body = { logical_date: null, ...(run_id === undefined ? {} : { dag_run_id: run_id }) };
    const about = { dag_id, ...(run_id === undefined ? {} : { run_id }) };
    return this.send(by, { kind: 'trigger', method: 'POST', path: `/dags/${dag_id}/dagRuns`, body, about });
  }

  /** From one moment to another; `runs`: how many that makes. */
  backfill(dag_id: string, { begin, end, runs, max_active_runs }: BackfillRange, by: Sender): Promise<Answer> {
    const body = {
      dag_id,
      from_date: new Date(begin).toISOString(),
      to_date: new Date(end).toISOString(),
      run_backwards: false,
      dag_run_conf: {},
      reprocess_behavior: 'none',
      max_active_runs,
    };
    return this.send(by, {
      kind: 'backfill',
      method: 'POST',
      path: '/backfills',
      body,
      about: { dag_id },
      timeoutMs: BACKFILL_TIMEOUT_MS,
      requested: `${runs} runs`,
      targetOf: (answer) => idIn(answer),
    });
  }

  mark(ti: Marked, state: string, by: Sender): Promise<Answer> {
    // Without an index the route means all instances of a mapped task.
    const index = ti.map_index >= 0 ? `/${ti.map_index}` : '';
    const path = `${runOf(ti)}/taskInstances/${encodeURIComponent(ti.task_id)}${index}`;
    const body = { new_state: state };
    return this.send(by, { kind: 'mark', method: 'PATCH', path, body, about: subjectOf(ti), requested: state });
  }

  /** Tasks of one run in one request, each with a state of its own. */
  markMany(
    { dag_id, run_id }: Pick<Marked, 'dag_id' | 'run_id'>,
    entities: readonly { readonly task_id: string; readonly new_state: string }[],
    by: Sender,
  ): Promise<Answer> {
    const body = { actions: [{ action: 'update', entities, action_on_non_existence: 'skip' }] };
    const target = entities.map(({ task_id }) => task_id).join(' ');
    const path = `${runOf({ dag_id, run_id })}/taskInstances`;
    return this.send(by, { kind: 'bulk', method: 'PATCH', path, body, about: { dag_id, run_id }, target });
  }

  /** An event of an asset, by the number that Airflow has given it. */
  postAssetEvent(asset: Asset, by: Sender): Promise<Answer> {
    const body = { asset_id: asset.id, extra: {} };
    return this.send(by, { kind: 'asset_event', method: 'POST', path: '/assets/events', body, target: asset.name });
  }

  /** The assets that a DAG waits for or makes events of; none if they could not be read. */
  async assetsOf(dag_id: string, by: Sender): Promise<Asset[]> {
    const path = `/assets?dag_ids=${encodeURIComponent(dag_id)}&limit=100`;
    const about = { dag_id };
    const { body } = await this.send(by, {
      kind: 'other',
      method: 'GET',
      path,
      body: undefined,
      about,
      target: 'GET assets',
    });
    const assets = isRecord(body) && Array.isArray(body.assets) ? body.assets : [];
    return assets.flatMap((one: unknown) =>
      isRecord(one) && typeof one.id === 'number' ? [{ id: one.id, name: String(one.name) }] : [],
    );
  }

  async pause(dags: readonly string[], isPaused: boolean, by: Sender): Promise<Answer[]> {
    const requested = isPaused ? 'paused' : 'unpaused';
    return Promise.all(
      dags.map((dag_id) => {
        const path = `/dags/${dag_id}?update_mask=is_paused`;
        const body = { is_paused: isPaused };
        return this.send(by, { kind: 'pause', method: 'PATCH', path, body, about: { dag_id }, requested });
      }),
    );
  }

  async send({ operator, signal }: Sender, { about, path, ...request }: ActionRequest): Promise<Answer> {
    const { requests, clock } = this.#options;
    const token = await this.#options.token;
    const nothing = { dag_id: null, run_id: null, task_id: null, map_index: null, try_number: null, ti_id: null };
    const subject: OperationSubject = { actor: 'operator', life: null, worker: operator, ...nothing, ...about };
    const spec = { ...request, path: `/api/v2${path}`, subject, bearer: { token }, intendedMs: clock.now() };
    return requests.sendOnce(spec, signal);
  }

  /** `others`: further tasks of its run. */
  clear(ti: Marked, by: Sender, others: readonly string[] = []): Promise<Answer> {
    const body = {
      dry_run: false,
      dag_run_id: ti.run_id,
      task_ids: [ti.task_id, ...others],
      only_failed: false,
      reset_dag_runs: true,
    };
    const path = `/dags/${ti.dag_id}/clearTaskInstances`;
    return this.send(by, { kind: 'clear', method: 'POST', path, body, about: subjectOf(ti) });
  }

  /**
   * A running DAG run cannot be deleted, but a queued one can, whatever its tasks do: so it is set back to queued
   * first. If a scheduler starts it again in between, it is not deleted.
   */
  async delete({ dag_id, run_id }: Pick<Marked, 'dag_id' | 'run_id'>, by: Sender): Promise<Answer> {
    const about = { dag_id, run_id };
    const requested = 'queued';
    const path = runOf({ dag_id, run_id });
    await this.send(by, { kind: 'mark', method: 'PATCH', path, body: { state: requested }, about, requested });
    return this.send(by, { kind: 'delete', method: 'DELETE', path, body: undefined, about });
  }

  /** With all that Airflow keeps of it: refused while a task of it is running. */
  deleteDag(dag_id: string, by: Sender): Promise<Answer> {
    const path = `/dags/${dag_id}`;
    return this.send(by, {
      kind: 'other',
      method: 'DELETE',
      path,
      body: undefined,
      about: { dag_id },
      target: 'DELETE dags',
    });
  }

  /** Marks the running tasks in the run of that task in one request, each with a state of its own. */
  #bulk(ti: WorkloadTaskInstance, by: By): Promise<Answer> {
    const { dag_id, run_id } = ti;
    const tasks = new Set(
      this.#working(by)
        .filter((other) => other.dag_id === dag_id && other.run_id === run_id)
        .map(({ task_id }) => task_id),
    );
    const marks = [...tasks]
      .slice(0, BULK)
      .map((task_id) => ({ task_id, new_state: by.rng.pick(['success', 'failed', 'skipped']) }));
    return this.markMany(ti, marks, by);
  }

  /** One that a simulated worker runs at this moment; undefined if none does. */
  #runningTask(by: By): WorkloadTaskInstance | undefined {
    const [first, ...rest] = this.#working(by);
    return first && by.rng.pick([first, ...rest]);
  }

  #working({ dags }: By): WorkloadTaskInstance[] {
    const { live, dagNamespace } = this.#options;
    const wanted = new Set(dags.map((dag) => `${dagNamespace}${dag}`));
    return live()
      .filter((life) => life.startedMs !== null && wanted.has(life.workload.ti.dag_id))
      .map((life) => life.workload.ti);
  }
}

/** A task instance, and its id if a simulated worker has received it. */
type Marked = Pick<WorkloadTaskInstance, 'dag_id' | 'run_id' | 'task_id' | 'map_index'> & { readonly id?: string };

function runOf({ dag_id, run_id }: Pick<Marked, 'dag_id' | 'run_id'>): string {
  return `/dags/${dag_id}/dagRuns/${encodeURIComponent(run_id)}`;
}

function subjectOf({ dag_id, run_id, task_id, map_index, id }: Marked): Partial<OperationSubject> {
  return { dag_id, run_id, task_id, map_index, ti_id: id ?? null };
}

function idIn(answer: unknown): string | undefined {
  return typeof answer === 'object' && answer !== null && 'id' in answer ? String(answer.id) : undefined;
}
