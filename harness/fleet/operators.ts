import { setTimeout as sleep } from 'node:timers/promises';

import type { WorkloadTaskInstance } from '../handoff/workload.ts';
import { StackError } from '../model/errors.ts';
import { Rng } from '../model/rng.ts';
import type { OperatorSpec, Plan } from '../model/scenario.ts';
import type { RunClock } from '../record/clock.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { type Answer, ApiClient, type OperationNumbers, type RequestSpec, type Subject } from './api-client.ts';
import type { LiveLife } from './fleet.ts';

/** POST /backfills creates its runs before it answers: hundreds take most of a minute on two busy cores. */
const BACKFILL_TIMEOUT_MS = 180_000;
const OPERATOR_TIMEOUT_MS = 30_000;
/** Backfills begin here: long before any scheduled run, at the DAG factory's first interval. */
const BACKFILL_EPOCH = Date.parse('2026-01-01T00:00:00Z');
/** A backfill that is refused because one is active: people ask again later, not at once. */
const REFUSED_PAUSE_MS = 5_000;
const MINUTE_MS = 60_000;

export interface OperatorsOptions {
  readonly plan: Plan;
  readonly publicUrl: string;
  readonly publicToken: string;
  readonly dagNamespace: string;
  readonly record: RunFolder;
  readonly clock: RunClock;
  readonly numbers: OperationNumbers;
  /** What the fleet is doing, for the operators that clear or mark running tasks. */
  live(): readonly LiveLife[];
}

/** The people and scripts that use the public API while workers work: backfill, trigger, clear, mark. */
export class Operators {
  readonly #options: OperatorsOptions;
  readonly #api: ApiClient;

  constructor(options: OperatorsOptions) {
    const { publicUrl, record, clock, numbers } = options;
    this.#options = options;
    this.#api = new ApiClient({
      urls: [publicUrl],
      connections: 32,
      timeoutMs: OPERATOR_TIMEOUT_MS,
      retries: 1,
      record,
      clock,
      numbers,
    });
  }

  /** What has to stand before anything is scheduled. Rejects with a StackError if the stack refuses it. */
  async prepare(signal: AbortSignal): Promise<void> {
    const slots = this.#options.plan.scenario.pool_slots;
    if (slots === undefined) return;
    // 3.1 changes this pool only if the mask says that it is the slots alone.
    const path = '/pools/default_pool?update_mask=slots';
    const { outcome, status } = await this.#send('operator-pool', 'pool', 'PATCH', path, { slots }, {}, signal, {
      target: 'default_pool',
      requested: String(slots),
    });
    if (outcome !== 'ok')
      throw new StackError(`default_pool could not be given ${slots} slots (${status ?? 'no answer'}).`);
  }

  /** Runs all operators of the scenario until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { scenario, seed } = this.#options.plan;
    await Promise.all(
      scenario.operators.map(async (spec, i) => {
        const rng = new Rng(seed, 'operator', i);
        try {
          await sleep(spec.start_after_ms, undefined, { signal });
          await this.#runOne(spec, `operator-${spec.operator}-${i + 1}`, rng, signal);
        } catch (error) {
          if (!signal.aborted) throw error;
        }
      }),
    );
  }

  /** Pauses the DAGs, so that no new task is queued while the run settles. */
  async pauseDags(dagIds: readonly string[], signal: AbortSignal): Promise<void> {
    await Promise.all(
      dagIds.map((dag) =>
        this.#send(
          'operator-settle',
          'pause',
          'PATCH',
          `/dags/${dag}?update_mask=is_paused`,
          { is_paused: true },
          { dag_id: dag },
          signal,
        ),
      ),
    );
  }

  async close(): Promise<void> {
    await this.#api.close();
  }

  #runOne(spec: OperatorSpec, name: string, rng: Rng, signal: AbortSignal): Promise<void> {
    switch (spec.operator) {
      case 'backfill':
        return this.#backfill(spec, name, signal);
      case 'trigger':
        return this.#everyInterval(spec.every_ms, signal, () =>
          this.#trigger(rng.pick(named(spec.dags)), name, signal),
        );
      case 'clear':
        return this.#everyInterval(spec.every_ms, signal, () => this.#clear(spec.dags, name, rng, signal));
      case 'mark':
        return this.#everyInterval(spec.every_ms, signal, () => this.#mark(spec.dags, name, rng, signal));
      default:
        throw new Error(`unknown operator ${JSON.stringify(spec satisfies never)}`);
    }
  }

  /** An open arrival: a slow answer does not delay the next deed. */
  async #everyInterval(everyMs: number, signal: AbortSignal, deed: () => Promise<unknown>): Promise<void> {
    const { clock } = this.#options;
    const under = new Set<Promise<unknown>>();
    try {
      for (let due = clock.now(); ; due += everyMs) {
        await sleep(Math.max(0, due - clock.now()), undefined, { signal });
        const doing = deed().catch(() => undefined); // It rejects only when the run is over.
        under.add(doing);
        void doing.finally(() => under.delete(doing));
      }
    } finally {
      await Promise.all(under);
    }
  }

  async #backfill(spec: OperatorSpec & { operator: 'backfill' }, name: string, signal: AbortSignal): Promise<void> {
    // Each round takes later dates than the last: a run that exists already would not be created again.
    for (let round = 0; !signal.aborted; round++) {
      for (const dag of spec.dags) {
        const from = BACKFILL_EPOCH + round * spec.runs * MINUTE_MS;
        const first = this.#createBackfill(spec, dag, from, name, signal);
        if (spec.second_after_ms !== null) {
          await Promise.race([first, sleep(spec.second_after_ms, undefined, { signal })]);
          // Later dates of the same DAG: Airflow promises to refuse it while the first is active.
          await this.#createBackfill(spec, dag, from + 20_000 * MINUTE_MS, `${name}-second`, signal);
        }
        const { outcome } = await first;
        await sleep(outcome === 'ok' ? spec.pause_ms : REFUSED_PAUSE_MS, undefined, { signal });
      }
    }
  }

  #createBackfill(
    spec: OperatorSpec & { operator: 'backfill' },
    dag: string,
    from: number,
    name: string,
    signal: AbortSignal,
  ): Promise<Answer> {
    // Runs are on the minute: between two of them there is none.
    const [begin, end] = spec.empty
      ? [from + MINUTE_MS / 4, from + MINUTE_MS / 2]
      : [from, from + (spec.runs - 1) * MINUTE_MS];
    const body = {
      dag_id: this.#dagId(dag),
      from_date: new Date(begin).toISOString(),
      to_date: new Date(end).toISOString(),
      run_backwards: false,
      dag_run_conf: {},
      reprocess_behavior: 'none',
      max_active_runs: spec.max_active_runs,
    };
    return this.#send(name, 'backfill', 'POST', '/backfills', body, { dag_id: body.dag_id }, signal, {
      timeoutMs: BACKFILL_TIMEOUT_MS,
      requested: `${spec.empty ? 0 : spec.runs} runs`,
      targetOf: (answer) => idIn(answer),
    });
  }

  #trigger(dag: string, name: string, signal: AbortSignal): Promise<Answer> {
    const dag_id = this.#dagId(dag);
    return this.#send(name, 'trigger', 'POST', `/dags/${dag_id}/dagRuns`, { logical_date: null }, { dag_id }, signal);
  }

  async #clear(dags: readonly string[], name: string, rng: Rng, signal: AbortSignal): Promise<void> {
    const ti = this.#runningTask(dags, rng);
    if (!ti) return;
    const body = {
      dry_run: false,
      dag_run_id: ti.run_id,
      task_ids: [ti.task_id],
      only_failed: false,
      reset_dag_runs: true,
    };
    await this.#send(name, 'clear', 'POST', `/dags/${ti.dag_id}/clearTaskInstances`, body, subjectOf(ti), signal);
  }

  async #mark(dags: readonly string[], name: string, rng: Rng, signal: AbortSignal): Promise<void> {
    const ti = this.#runningTask(dags, rng);
    if (!ti) return;
    const path = ['dags', ti.dag_id, 'dagRuns', ti.run_id, 'taskInstances', ti.task_id].map(encodeURIComponent);
    // Without an index the route means all instances of a mapped task.
    const index = ti.map_index >= 0 ? `/${ti.map_index}` : '';
    await this.#send(
      name,
      'mark',
      'PATCH',
      `/${path.join('/')}${index}`,
      { new_state: 'failed' },
      subjectOf(ti),
      signal,
      { requested: 'failed' },
    );
  }

  /** One that a worker of ours runs at this moment; undefined if none does. */
  #runningTask(dags: readonly string[], rng: Rng): WorkloadTaskInstance | undefined {
    const wanted = new Set(dags.map((dag) => this.#dagId(dag)));
    const [first, ...rest] = this.#options
      .live()
      .filter((life) => life.startedMs !== null && wanted.has(life.workload.ti.dag_id));
    return first && rng.pick([first, ...rest]).workload.ti;
  }

  #send(
    worker: string,
    kind: RequestSpec['kind'],
    method: RequestSpec['method'],
    path: string,
    body: unknown,
    about: Partial<Subject>,
    signal: AbortSignal,
    extra: Partial<RequestSpec> = {},
  ): Promise<Answer> {
    const nothing = { dag_id: null, run_id: null, task_id: null, map_index: null, try_number: null, ti_id: null };
    const subject: Subject = { actor: 'operator', life: null, worker, ...nothing, ...about };
    const intendedMs = this.#options.clock.now();
    const token = this.#options.publicToken;
    return this.#api.sendOnce(
      { subject, kind, method, path: `/api/v2${path}`, body, token, intendedMs, ...extra },
      1,
      signal,
    );
  }

  #dagId(dag: string): string {
    return `${this.#options.dagNamespace}${dag}`;
  }
}

function named(dags: readonly string[]): readonly [string, ...string[]] {
  const [first, ...rest] = dags;
  if (first === undefined) throw new Error('an operator has no DAGs; the scenario check should have said so');
  return [first, ...rest];
}

function subjectOf({ dag_id, run_id, task_id, map_index, id }: WorkloadTaskInstance): Partial<Subject> {
  return { dag_id, run_id, task_id, map_index, ti_id: id };
}

function idIn(answer: unknown): string | undefined {
  return typeof answer === 'object' && answer !== null && 'id' in answer ? String(answer.id) : undefined;
}
