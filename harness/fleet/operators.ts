import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Timing } from '../model/arrival-rate.ts';
import { arrivalTimes, MISSED_MS } from '../model/arrivals.ts';
import { StackError } from '../model/errors.ts';
import type { HazardTarget, OperatorHazard } from '../model/misbehaviour.ts';
import { Rng } from '../model/rng.ts';
import { note, type RunContext } from '../model/run-context.ts';
import { assetsIn, type OperatorSpec, poolsOf } from '../model/scenario.ts';
import { type Answer, type OperationLog, Requests } from '../worker/requests.ts';
import type { LiveLife } from './fleet.ts';
import { HttpTransport } from './http-transport.ts';
import { type Asset, type By, OperatorActions, type Sender } from './operator-actions.ts';

const OPERATOR_TIMEOUT_MS = 30_000;
/** Backfills begin here: long before any scheduled run, at the DAG factory's first interval. */
export const BACKFILL_EPOCH = Date.parse('2026-01-01T00:00:00Z');
/** A backfill that is refused because one is active: people ask again later, not at once. */
const REFUSED_PAUSE_MS = 5_000;
const MINUTE_MS = 60_000;
/** An unpause that is not answered is sent again; nemesis waits 45 s for a heal. */
const UNPAUSE_TRIES = 5;
const UNPAUSE_PAUSE_MS = 2_000;

const CONNECTIONS = 32;

export interface OperatorsOptions {
  readonly publicUrl: string;
  /** Bearer token; it need not be there before `prepare`. */
  readonly publicToken: Promise<string>;
  readonly dagNamespace: string;
  readonly operationLog: OperationLog;
  /** The lives of this moment, for the operators that clear or mark running tasks. */
  live(): readonly LiveLife[];
}

type OperatorsContext = Pick<RunContext, 'plan' | 'clock' | 'record'>;

/** Operators: users of the public API during the load, who backfill, trigger, clear and mark. */
export class Operators implements HazardTarget<OperatorHazard> {
  readonly #context: OperatorsContext;
  readonly #dagNamespace: string;
  readonly #transport: HttpTransport;
  readonly #actions: OperatorActions;
  readonly #token: Promise<string>;
  /** Those that a DAG has, by its name in the scenario. */
  readonly #assets = new Map<string, Asset[]>();

  constructor(context: OperatorsContext, options: OperatorsOptions) {
    const { clock } = context;
    const { publicUrl, publicToken: token, dagNamespace, operationLog, live } = options;
    this.#context = context;
    this.#dagNamespace = dagNamespace;
    this.#token = token;
    this.#transport = new HttpTransport([publicUrl], CONNECTIONS, OPERATOR_TIMEOUT_MS);
    const requests = new Requests({ transport: this.#transport, attempts: 1, clock, operationLog });
    this.#actions = new OperatorActions({ requests, token, clock, dagNamespace, live });
  }

  /** Before anything is scheduled: sets the scenario's pools. Rejects with a StackError if the stack refuses one. */
  async prepare(signal: AbortSignal): Promise<void> {
    await this.#token;
    const by = { operator: 'operator-pool', signal };
    const ask = (name: string, slots: number, isNew: boolean) =>
      this.#actions.send(by, {
        kind: 'pool',
        target: name,
        requested: String(slots),
        ...(isNew
          ? { method: 'POST', path: '/pools', body: { name, slots } }
          : // 3.1 changes default_pool only if the mask says that it is the slots alone.
            { method: 'PATCH', path: `/pools/${name}?update_mask=slots`, body: { slots } }),
      });
    for (const [name, slots] of Object.entries(poolsOf(this.#context.plan.scenario))) {
      const first = await ask(name, slots, name !== 'default_pool');
      // An earlier run on this stack has made it.
      const { outcome, status } = first.status === 409 ? await ask(name, slots, false) : first;
      if (outcome !== 'ok')
        throw new StackError(`${name} could not be given ${slots} slots (${status ?? 'no answer'}).`);
    }
  }

  /** Runs all operators of the scenario until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { scenario, seed } = this.#context.plan;
    await Promise.all(
      scenario.operators.map(async (spec, i) => {
        const rng = new Rng(seed, 'operator', i);
        try {
          await this.#runOne(spec, `operator-${spec.operator}-${i + 1}`, rng, signal);
        } catch (error) {
          if (!signal.aborted) throw error;
        }
      }),
    );
  }

  /** Pauses the DAGs, so that no new task is queued while the run settles; or lets a later run continue them. */
  async pauseDags(dagIds: readonly string[], isPaused: boolean, signal: AbortSignal): Promise<void> {
    await this.#actions.pause(dagIds, isPaused, { operator: 'operator-settle', signal });
  }

  /**
   * Operators who repeat one action, in addition to those of the scenario. The window is closed when their last request
   * is answered.
   */
  async openWindow(hazard: OperatorHazard): Promise<() => Promise<string>> {
    const { action, every_ms, seed } = hazard;
    const operator = `operator-${action}-fault`;
    const dags = this.#context.plan.scenario.dags.map(({ dag_id }) => dag_id);
    if (action === 'pause') return this.#pauseAll(dags, operator);
    const closed = new AbortController();
    // The requests themselves are not aborted: what was sent is waited for.
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    const by = { operator, dags, rng: new Rng(seed, operator), signal };
    const done = { ok: 0, other: 0 };
    const doing = this.#each({ every_ms, start_after_ms: 0 }, closed.signal, async () => {
      const answer = await this.#actions.perform(action, by);
      if (answer) done[answer.outcome === 'ok' ? 'ok' : 'other']++;
    }).catch(() => undefined); // It ends by being aborted.
    return async () => {
      closed.abort();
      await doing;
      return `${done.ok} were accepted, ${done.other} were not`;
    };
  }

  async #pauseAll(dags: readonly string[], operator: string): Promise<() => Promise<string>> {
    const by = { operator, signal: new AbortController().signal };
    const ids = dags.map((dag) => this.#dagId(dag));
    const paused = await this.#actions.pause(ids, true, by);
    return async () => {
      // A DAG that stays paused does nothing for the rest of the run: sent again if the server did not answer.
      let left = ids;
      for (let tries = 0; tries < UNPAUSE_TRIES && left.length > 0; tries++) {
        const answers = await this.#actions.pause(left, false, by);
        left = left.filter((_, i) => answers[i]?.outcome === 'unknown');
        if (left.length > 0) await sleep(UNPAUSE_PAUSE_MS);
      }
      const accepted = paused.filter(({ outcome }) => outcome === 'ok').length;
      return `${accepted} DAGs were paused${left.length > 0 ? `, and ${left.length} still are` : ''}`;
    };
  }

  /** Single requests, for who decides on each. */
  get actions(): OperatorActions {
    return this.#actions;
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  #runOne(spec: OperatorSpec, name: string, rng: Rng, signal: AbortSignal): Promise<void> {
    const by: By = { operator: name, dags: spec.dags, rng, signal };
    switch (spec.operator) {
      case 'backfill':
        return this.#backfill(spec, name, signal);
      case 'trigger':
        return this.#each(spec, signal, () => this.#trigger(rng.pick(named(spec.dags)), name, signal));
      case 'asset-event':
        return this.#each(spec, signal, () =>
          this.#postAssetEvent(rng.pick(named(spec.dags)), rng, { operator: name, signal }),
        );
      case 'clear':
        return this.#each(spec, signal, () => this.#actions.perform('clear', by));
      case 'mark':
        return this.#each(spec, signal, () => this.#actions.markFailed(by, spec.upstream));
      default:
        throw new Error(`unknown operator ${JSON.stringify(spec satisfies never)}`);
    }
  }

  /** Open arrivals: a slow answer does not delay the next action. */
  async #each(timing: Timing, signal: AbortSignal, action: () => Promise<unknown>): Promise<void> {
    const { clock } = this.#context;
    const began = clock.now();
    const under = new Set<Promise<unknown>>();
    let missed = 0;
    try {
      for (const due of arrivalTimes(timing)) {
        const waitMs = began + due - clock.now();
        if (waitMs < -MISSED_MS) {
          missed++;
          continue;
        }
        this.#noteMissed(missed);
        missed = 0;
        await sleep(Math.max(0, waitMs), undefined, { signal });
        const doing = action().catch(() => undefined); // It rejects only when the run is cancelled.
        under.add(doing);
        void doing.finally(() => under.delete(doing));
      }
    } finally {
      this.#noteMissed(missed);
      await Promise.all(under);
    }
  }

  #noteMissed(actions: number): void {
    if (actions > 0) note(this.#context, 'WARNING', `${actions} actions of operators were missed and left out`);
  }

  async #backfill(spec: OperatorSpec & { operator: 'backfill' }, name: string, signal: AbortSignal): Promise<void> {
    await sleep(spec.start_after_ms, undefined, { signal });
    // Each round takes later dates than the last: a run that exists already would not be created again.
    for (let round = 0; !signal.aborted; round++) {
      for (const dag of spec.dags) {
        const from = BACKFILL_EPOCH + round * spec.runs * MINUTE_MS;
        const first = this.#createBackfill(spec, dag, from, name, signal);
        if (spec.second_after_ms !== null) {
          await Promise.race([first, sleep(spec.second_after_ms, undefined, { signal })]);
          // Later dates of the same DAG: Airflow must refuse it while the first is active.
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
    const range = { begin, end, runs: spec.empty ? 0 : spec.runs, max_active_runs: spec.max_active_runs };
    return this.#actions.backfill(this.#dagId(dag), range, { operator: name, signal });
  }

  async #postAssetEvent(dag: string, rng: Rng, by: Sender): Promise<void> {
    const assets = this.#assets.get(dag) ?? (await this.#waitedFor(dag, by));
    // They are there when the DAG has been parsed, and stay.
    if (assets.length > 0) this.#assets.set(dag, assets);
    const [first, ...rest] = assets;
    if (first) await this.#actions.postAssetEvent(rng.pick([first, ...rest]), by);
  }

  async #waitedFor(dag: string, by: Sender): Promise<Asset[]> {
    const { assets } = this.#context.plan.scenario.dags.find(({ dag_id }) => dag_id === dag) ?? {};
    const names = assets === undefined ? [] : assetsIn(assets);
    const wanted = new Set(names.map((name) => `${this.#dagNamespace}${name}`));
    const all = await this.#actions.assetsOf(this.#dagId(dag), by);
    return all.filter(({ name }) => wanted.has(name));
  }

  #trigger(dag: string, name: string, signal: AbortSignal): Promise<Answer> {
    return this.#actions.trigger(this.#dagId(dag), { operator: name, signal });
  }

  #dagId(dag: string): string {
    return `${this.#dagNamespace}${dag}`;
  }
}

function named(dags: readonly string[]): readonly [string, ...string[]] {
  const [first, ...rest] = dags;
  if (first === undefined) throw new Error('an operator has no DAGs; the scenario check should have said so');
  return [first, ...rest];
}
