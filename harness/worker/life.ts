import { isRecord } from '../model/json.ts';
import type { LifeEnd } from '../model/operation.ts';
import { cancellableSleep } from './cancel.ts';
import type { LifeContext } from './context.ts';
import { beatUntil, type HeartbeatSender } from './heartbeat.ts';
import { besideImpostor } from './impostor.ts';
import { drawLifePlan, type LifePlan } from './life-spec.ts';
import type { Answer, OperationSubject, RequestSpec } from './requests.ts';

const UNIX_NAME = 'sim';
/** On every Unix, wherever the triggerer runs. */
const FILE_THAT_EXISTS = '/etc/hosts';

/** What differs from request to request; `route` is one of the task instance's own. */
type Draft = Pick<RequestSpec, 'kind' | 'method' | 'body'> &
  Partial<Pick<RequestSpec, 'path' | 'intendedMs' | 'requested' | 'target' | 'duplicateOf' | 'op' | 'dropAnswer'>> & {
    readonly route?: string;
  };

/**
 * One task attempt as Airflow's supervisor and runner live it: start, rendered fields, heartbeats, skips, result, end.
 * One request at a time, except where it plays a client that lost an answer. The states are
 *
 *     handed → started → working → reporting → ended
 *
 * and any answer 404, 409 or 410 on the way ends it: the server has taken the task away, and nothing more is sent.
 */
export class RunningLife implements HeartbeatSender {
  readonly #context: LifeContext;
  readonly #plan: LifePlan;
  readonly #subject: OperationSubject;
  #token: string;
  #shouldRetry = false;
  #skewMs = 0;
  /** This life continues where an earlier one deferred. */
  #resumed = false;
  /** A request that the real client takes as the task's own failure was refused. */
  #spoiled = false;

  constructor(context: LifeContext) {
    const { spec } = context;
    const { ti, token } = spec.workload;
    this.#context = context;
    this.#plan = drawLifePlan(spec, context.rng, context.hazards);
    this.#token = token;
    this.#subject = {
      actor: 'life',
      life: spec.life,
      worker: spec.worker,
      dag_id: ti.dag_id,
      run_id: ti.run_id,
      task_id: ti.task_id,
      map_index: ti.map_index,
      try_number: ti.try_number,
      ti_id: ti.id,
    };
  }

  /** To its end. Rejects for an error of the harness only. */
  async play(): Promise<LifeEnd> {
    try {
      const { clock, hooks, spec } = this.#context;
      const startMs = spec.handedMs + this.#plan.pickupMs;
      if (startMs > clock.now()) await cancellableSleep(startMs - clock.now(), hooks.cancel);
      if (await hooks.isRevoked()) return 'revoked';
      if (this.#plan.neverStarts) return 'never-started';
      const started = await this.#start(startMs);
      if (started) return started;
      const endAt = clock.now() + this.#plan.durationMs;
      if (this.#plan.rtif) await this.#writeRenderedFields();
      const stopped = this.#spoiled ? undefined : await this.#work(endAt);
      if (stopped) return stopped;
      if (this.#plan.silentDeath || this.#context.hazards.hit('silent_death')) return 'silent';
      // Once: a life that was resumed by its trigger works to its end.
      if (!this.#spoiled && this.#plan.defers && !this.#resumed) return await this.#defer();
      if (!this.#spoiled && spec.task.skips?.length) await this.#skipDownstream(spec.task.skips);
      if (!this.#spoiled && this.#plan.xcom) await this.#pushResult();
      return await this.report();
    } catch (error) {
      if (this.#context.hooks.cancel.aborted) return 'run-ended';
      throw error;
    }
  }

  async #start(intendedMs: number): Promise<LifeEnd | undefined> {
    const { worker, pid } = this.#context.spec;
    const body = { state: 'running', hostname: worker, unixname: UNIX_NAME, pid, start_date: this.#time() };
    const answer = await this.#send({
      kind: 'run',
      method: 'PATCH',
      route: 'run',
      body,
      requested: 'running',
      dropAnswer: this.#plan.lostAnswer,
      intendedMs,
    });
    if (answer.outcome === 'refused') return 'refused';
    if (answer.outcome === 'unknown') return 'gave-up';
    this.#context.hooks.onStarted(this.#context.clock.now());
    const context = isRecord(answer.body) ? answer.body : {};
    this.#shouldRetry = context.should_retry === true;
    this.#resumed = typeof context.next_method === 'string';
    for (const key of Array.isArray(context.xcom_keys_to_clear) ? context.xcom_keys_to_clear : []) {
      const target = String(key);
      await this.#send({ kind: 'xcom_clear', method: 'DELETE', path: this.#xcomPath(target), body: undefined, target });
    }
    return undefined;
  }

  /** Twice at once is what the server sees of a client that timed out and sent again while the first was under way. */
  async #writeRenderedFields(): Promise<void> {
    const { life } = this.#context.spec;
    const first = this.#plan.rtifTwice ? this.#context.requests.takeNumber() : undefined;
    const write = (n: number) => {
      const body = { bash_command: `echo life ${life} write ${n}` };
      const requested = JSON.stringify(body);
      const op = n === 1 ? first : undefined;
      return this.#send({ kind: 'rtif', method: 'PUT', route: 'rtif', body, requested, duplicateOf: first, op });
    };
    const answers = await Promise.all(this.#plan.rtifTwice ? [write(1), write(2)] : [write(1)]);
    if (answers.some((answer) => answer.outcome !== 'ok')) this.#spoiled = true;
  }

  #work(endAt: number): Promise<LifeEnd | undefined> {
    const { impostorAt, durationMs } = this.#plan;
    const work = () => beatUntil(endAt, this.#context, this);
    if (impostorAt === null) return work();
    const atMs = endAt - durationMs * (1 - impostorAt);
    return besideImpostor(this.#context, atMs, (draft) => this.#specOf(draft), work);
  }

  beat(intendedMs: number): Promise<Answer> {
    const { worker, pid } = this.#context.spec;
    const body = { hostname: worker, pid };
    return this.#send({ kind: 'heartbeat', method: 'PUT', route: 'heartbeat', body, intendedMs });
  }

  async #skipDownstream(skips: readonly string[]): Promise<void> {
    const answer = await this.#send({
      kind: 'skip_downstream',
      method: 'PATCH',
      route: 'skip-downstream',
      body: { tasks: skips },
      target: skips.join(' '),
    });
    if (answer.outcome !== 'ok') this.#spoiled = true;
  }

  async #pushResult(): Promise<void> {
    const target = 'return_value';
    const requested = `life ${this.#context.spec.life}`;
    const path = this.#xcomPath(target);
    const answer = await this.#send({ kind: 'xcom_push', method: 'POST', path, body: requested, target, requested });
    if (answer.outcome !== 'ok') this.#spoiled = true;
  }

  async #defer(): Promise<LifeEnd> {
    const body = {
      state: 'deferred',
      // Fires at the triggerer's next look. The arguments are encoded as the 3.1 client does, and later releases still
      // read that; on 3.1 a plain object would take the whole triggerer down (KeyError: '__var').
      classpath: 'airflow.providers.standard.triggers.file.FileTrigger',
      trigger_kwargs: { __type: 'dict', __var: { filepath: FILE_THAT_EXISTS, poke_interval: 1 } },
      next_method: 'execute_complete',
    };
    await this.#context.hooks.onLeaving();
    return endOf(await this.#send({ kind: 'state', method: 'PATCH', route: 'state', body, requested: 'deferred' }));
  }

  async report(): Promise<LifeEnd> {
    const state = !this.#spoiled && !this.#plan.fails ? 'success' : this.#shouldRetry ? 'up_for_retry' : 'failed';
    const held = this.#context.hazards.hit('late_end');
    if (held) await cancellableSleep(held.ms, this.#context.hooks.cancel);
    const end_date = this.#time();
    const body = state === 'success' ? { state, end_date, task_outlets: [], outlet_events: [] } : { state, end_date };
    const dropAnswer = this.#plan.lostAnswer;
    const answer = await this.#send({
      kind: 'state',
      method: 'PATCH',
      route: 'state',
      body,
      requested: state,
      dropAnswer,
    });
    return endOf(answer);
  }

  async #send(draft: Draft): Promise<Answer> {
    const { requests, hazards, rng, hooks } = this.#context;
    const dropAnswer = draft.dropAnswer === true || hazards.hit('lost_answer') !== undefined;
    const spec = this.#specOf(draft, dropAnswer);
    // The next heartbeat comes anyway: only one of which the answer was lost is sent again.
    const retries = draft.kind !== 'heartbeat' || dropAnswer;
    const answer = await (retries ? requests.send(spec, rng, hooks.cancel) : requests.sendOnce(spec, hooks.cancel));
    if (answer.refreshedToken) this.#token = answer.refreshedToken;
    return answer;
  }

  /** Each has the same properties in the same order, and so one shape for V8. */
  #specOf(draft: Draft, dropAnswer?: boolean): RequestSpec {
    return {
      subject: this.#subject,
      kind: draft.kind,
      method: draft.method,
      path: draft.path ?? `/task-instances/${this.#context.spec.workload.ti.id}/${draft.route}`,
      body: draft.body,
      token: this.#token,
      intendedMs: draft.intendedMs ?? this.#context.clock.now(),
      requested: draft.requested,
      target: draft.target,
      duplicateOf: draft.duplicateOf,
      op: draft.op,
      dropAnswer,
    };
  }

  /** As its machine's clock has it, which is the run's unless a fault sets it. */
  #time(): string {
    if (this.#skewMs === 0) this.#skewMs = this.#context.hazards.hit('skewed_clock')?.ms ?? 0;
    const { clock } = this.#context;
    return new Date(clock.startedAt.getTime() + clock.now() + this.#skewMs).toISOString();
  }

  #xcomPath(key: string): string {
    const { dag_id, run_id, task_id, map_index } = this.#context.spec.workload.ti;
    const parts = [dag_id, run_id, task_id, key].map(encodeURIComponent);
    return `/xcoms/${parts.join('/')}?map_index=${map_index}`;
  }
}

function endOf(answer: Answer): LifeEnd {
  if (answer.outcome === 'ok') return 'reported';
  return answer.outcome === 'refused' ? 'stopped' : 'gave-up';
}
