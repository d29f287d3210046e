import { isRecord } from '../model/json.ts';
import type { LifeEnd, OperationKind } from '../model/operation.ts';
import { pause } from './cancel.ts';
import type { LifeContext } from './context.ts';
import { besideImpostor, type ImpostorContext } from './impostor.ts';
import { drawFate, type Fate } from './life-plan.ts';
import type { Answer, RequestSpec, Subject } from './requests.ts';
import { type Worker, work } from './work.ts';

const UNIX_NAME = 'sim';
/** On every Unix, wherever the triggerer runs. */
const FILE_THAT_EXISTS = '/etc/hosts';

/**
 * One task attempt as Airflow's supervisor and runner live it: start, rendered fields, heartbeats, skips, result, end.
 * One request at a time, except where a client whose answer was lost is played. The states are
 *
 *     handed → started → working → reporting → ended
 *
 * and any answer 404, 409 or 410 on the way ends it: the server has taken the task away, and nothing more is sent.
 */
export function playLife(context: LifeContext): Promise<LifeEnd> {
  return new RunningLife(context).play().catch((error) => {
    if (context.hooks.over.aborted) return 'run-ended';
    throw error;
  });
}

/** What is not the same in every request. */
type Extra = Partial<Pick<RequestSpec, 'intendedMs' | 'requested' | 'target' | 'duplicateOf' | 'op' | 'dropAnswer'>>;

class RunningLife implements Worker {
  readonly #context: LifeContext;
  readonly #fate: Fate;
  readonly #subject: Subject;
  #token: string;
  #shouldRetry = false;
  #skewMs = 0;
  /** This life goes on where an earlier one deferred. */
  #resumed = false;
  /** A request that the real client takes as the task's own failure was refused. */
  #spoiled = false;

  constructor(context: LifeContext) {
    const { birth, rng, hazards } = context;
    const { ti, token } = birth.workload;
    this.#context = context;
    this.#fate = drawFate({ task: birth.task, fleet: birth.fleet, rng, hazards });
    this.#token = token;
    this.#subject = {
      actor: 'life',
      life: birth.life,
      worker: birth.worker,
      dag_id: ti.dag_id,
      run_id: ti.run_id,
      task_id: ti.task_id,
      map_index: ti.map_index,
      try_number: ti.try_number,
      ti_id: ti.id,
    };
  }

  async play(): Promise<LifeEnd> {
    const { clock, hooks, birth } = this.#context;
    const startMs = birth.handedMs + this.#fate.pickupMs;
    if (startMs > clock.now()) await pause(startMs - clock.now(), hooks.over);
    if (await hooks.isRevoked()) return 'revoked';
    if (this.#fate.neverStarts) return 'never-started';
    const started = await this.#start(startMs);
    if (started) return started;
    const endAt = clock.now() + this.#fate.durationMs;
    if (this.#fate.rtif) await this.#writeRenderedFields();
    const stopped = this.#spoiled ? undefined : await this.#workBesideImpostor(endAt);
    if (stopped) return stopped;
    if (this.#fate.silentDeath || this.#context.hazards.hit('silent_death')) return 'silent';
    // Once: what fired its trigger goes on to its end.
    if (!this.#spoiled && this.#fate.defers && !this.#resumed) return this.#defer();
    if (!this.#spoiled && birth.task.skips?.length) await this.#skipDownstream(birth.task.skips);
    if (!this.#spoiled && this.#fate.xcom) await this.#pushResult();
    return this.report();
  }

  async #start(intendedMs: number): Promise<LifeEnd | undefined> {
    const { worker, pid } = this.#context.birth;
    const body = { state: 'running', hostname: worker, unixname: UNIX_NAME, pid, start_date: this.#time() };
    const answer = await this.#send('run', 'PATCH', this.#own('run'), body, {
      requested: 'running',
      dropAnswer: this.#fate.lostAnswer,
      intendedMs,
    });
    if (answer.outcome === 'refused') return 'refused';
    if (answer.outcome === 'unknown') return 'gave-up';
    this.#context.hooks.onStarted(this.#context.clock.now());
    const context = isRecord(answer.body) ? answer.body : {};
    this.#shouldRetry = context.should_retry === true;
    this.#resumed = typeof context.next_method === 'string';
    for (const key of Array.isArray(context.xcom_keys_to_clear) ? context.xcom_keys_to_clear : []) {
      await this.#send('xcom_clear', 'DELETE', this.#xcomPath(String(key)), undefined, { target: String(key) });
    }
    return undefined;
  }

  /** Twice at once is what the server sees of a client that timed out and sent again while the first was under way. */
  async #writeRenderedFields(): Promise<void> {
    const { life } = this.#context.birth;
    const first = this.#fate.rtifTwice ? this.#context.requests.takeNumber() : undefined;
    const write = (n: number) => {
      const body = { bash_command: `echo life ${life} write ${n}` };
      const extra = { requested: JSON.stringify(body), ...(first === undefined ? {} : { duplicateOf: first }) };
      return this.#send(
        'rtif',
        'PUT',
        this.#own('rtif'),
        body,
        n === 1 && first !== undefined ? { ...extra, op: first } : extra,
      );
    };
    const answers = await Promise.all(this.#fate.rtifTwice ? [write(1), write(2)] : [write(1)]);
    if (answers.some((answer) => answer.outcome !== 'ok')) this.#spoiled = true;
  }

  #workBesideImpostor(endAt: number): Promise<LifeEnd | undefined> {
    const { requests, clock, birth, hooks } = this.#context;
    const { over } = hooks;
    const { impostorAt, durationMs } = this.#fate;
    if (impostorAt === null) return work(this.#context, this, endAt);
    const request: ImpostorContext['request'] = (kind, method, route, body) =>
      this.#request(kind, method, this.#own(route), body);
    const atMs = endAt - durationMs * (1 - impostorAt);
    return besideImpostor({ owner: birth, request, atMs, requests, clock, over }, () =>
      work(this.#context, this, endAt),
    );
  }

  async beat(intendedMs: number): Promise<Answer> {
    const { requests, hazards, birth, rng, hooks } = this.#context;
    const body = { hostname: birth.worker, pid: birth.pid };
    const dropAnswer = hazards.hit('lost_answer') !== undefined;
    const spec = this.#request('heartbeat', 'PUT', this.#own('heartbeat'), body, { intendedMs, dropAnswer });
    const answer = dropAnswer
      ? await requests.send(spec, rng, hooks.over)
      : await requests.sendOnce(spec, 1, hooks.over);
    this.#adoptToken(answer);
    return answer;
  }

  async #skipDownstream(skips: readonly string[]): Promise<void> {
    const answer = await this.#send(
      'skip_downstream',
      'PATCH',
      this.#own('skip-downstream'),
      { tasks: skips },
      { target: skips.join(' ') },
    );
    if (answer.outcome !== 'ok') this.#spoiled = true;
  }

  async #pushResult(): Promise<void> {
    const [key, value] = ['return_value', `life ${this.#context.birth.life}`];
    const named = { target: key, requested: value };
    const answer = await this.#send('xcom_push', 'POST', this.#xcomPath(key), value, named);
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
    return endOf(await this.#send('state', 'PATCH', this.#own('state'), body, { requested: 'deferred' }));
  }

  async report(): Promise<LifeEnd> {
    const state = !this.#spoiled && !this.#fate.fails ? 'success' : this.#shouldRetry ? 'up_for_retry' : 'failed';
    const held = this.#context.hazards.hit('late_end');
    if (held) await pause(held.ms, this.#context.hooks.over);
    const end_date = this.#time();
    const body = state === 'success' ? { state, end_date, task_outlets: [], outlet_events: [] } : { state, end_date };
    const answer = await this.#send('state', 'PATCH', this.#own('state'), body, {
      requested: state,
      dropAnswer: this.#fate.lostAnswer,
    });
    return endOf(answer);
  }

  async #send(
    kind: OperationKind,
    method: RequestSpec['method'],
    path: string,
    body: unknown,
    extra: Extra,
  ): Promise<Answer> {
    const { requests, hazards, rng, hooks } = this.#context;
    const dropAnswer = extra.dropAnswer === true || hazards.hit('lost_answer') !== undefined;
    const spec = this.#request(kind, method, path, body, { ...extra, dropAnswer });
    const answer = await requests.send(spec, rng, hooks.over);
    this.#adoptToken(answer);
    return answer;
  }

  /** Every one has the same properties in the same order, and so one shape for whatever reads it. */
  #request(
    kind: OperationKind,
    method: RequestSpec['method'],
    path: string,
    body: unknown,
    extra: Extra = {},
  ): RequestSpec {
    return {
      subject: this.#subject,
      kind,
      method,
      path,
      body,
      token: this.#token,
      intendedMs: extra.intendedMs ?? this.#context.clock.now(),
      requested: extra.requested,
      target: extra.target,
      duplicateOf: extra.duplicateOf,
      op: extra.op,
      dropAnswer: extra.dropAnswer,
    };
  }

  /** As its machine's clock has it. */
  #time(): string {
    if (this.#skewMs === 0) this.#skewMs = this.#context.hazards.hit('skewed_clock')?.ms ?? 0;
    return new Date(Date.now() + this.#skewMs).toISOString();
  }

  #adoptToken(answer: Answer): void {
    if (answer.refreshedToken) this.#token = answer.refreshedToken;
  }

  #own(route: string): string {
    return `/task-instances/${this.#context.birth.workload.ti.id}/${route}`;
  }

  #xcomPath(key: string): string {
    const { dag_id, run_id, task_id, map_index } = this.#context.birth.workload.ti;
    const parts = [dag_id, run_id, task_id, key].map(encodeURIComponent);
    return `/xcoms/${parts.join('/')}?map_index=${map_index}`;
  }
}

function endOf(answer: Answer): LifeEnd {
  if (answer.outcome === 'ok') return 'reported';
  return answer.outcome === 'refused' ? 'stopped' : 'gave-up';
}
