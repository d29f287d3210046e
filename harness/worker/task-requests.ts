import type { LifeContext } from './context.ts';
import { subjectOfLife } from './life-spec.ts';
import type { Answer, Bearer, OperationSubject, RequestSpec } from './requests.ts';

const UNIX_NAME = 'sim';
/** On every Unix, wherever the triggerer runs. */
const FILE_THAT_EXISTS = '/etc/hosts';
/** Deferrals and reschedules of operators have one; ours end long before. */
const TRIGGER_TIMEOUT = 'PT10M';

/** What differs from request to request; `route` is one of the task instance's own. */
type Draft = Pick<RequestSpec, 'kind' | 'method' | 'body'> &
  Partial<Pick<RequestSpec, 'path' | 'intendedMs' | 'requested' | 'target' | 'duplicateOf' | 'op' | 'dropAnswer'>> & {
    readonly route?: string;
  };

/** A run of another DAG that a task triggers. */
export interface TriggeredRun {
  readonly dag_id: string;
  readonly run_id: string;
  readonly logical_date: string;
}

/** As TriggerDagRunOperator names them. */
const [RUN_ID_KEY, RUN_LINK_KEY] = ['trigger_run_id', '_link_TriggerDagRunLink'];

/** An end that a worker reports. */
export type ReportedState = 'success' | 'failed' | 'up_for_retry' | 'up_for_reschedule' | 'deferred';

/** The requests of one life: what is in them, and who sends them. */
export class TaskRequests {
  readonly #context: LifeContext;
  readonly #subject: OperationSubject;
  readonly #bearer: Bearer;
  #skewMs = 0;

  constructor(context: LifeContext) {
    this.#context = context;
    this.#bearer = { token: context.spec.workload.token };
    this.#subject = subjectOfLife(context.spec);
  }

  start(intendedMs: number, dropAnswer: boolean): Promise<Answer> {
    const { worker, pid } = this.#context.spec;
    const body = { state: 'running', hostname: worker, unixname: UNIX_NAME, pid, start_date: this.#time() };
    const requested = 'running';
    return this.send({ kind: 'run', method: 'PATCH', route: 'run', body, requested, dropAnswer, intendedMs });
  }

  heartbeat(intendedMs: number): Promise<Answer> {
    const { worker, pid } = this.#context.spec;
    const body = { hostname: worker, pid };
    return this.send({ kind: 'heartbeat', method: 'PUT', route: 'heartbeat', body, intendedMs });
  }

  /** Each result of an earlier try is read, and then deleted. */
  async clearResult(key: string): Promise<Answer> {
    const path = this.#xcomPath(key);
    const answer = await this.send({ kind: 'other', method: 'GET', path, body: undefined, target: 'GET xcoms' });
    // There may be none: only the server's failure is an error.
    if (answer.outcome === 'unknown') return answer;
    return this.send({ kind: 'xcom_clear', method: 'DELETE', path, body: undefined, target: key });
  }

  /** Since when the task is rescheduled again and again: a sensor counts its time-out from there. */
  readRescheduleStart(): Promise<Answer> {
    const { id, try_number } = this.#context.spec.workload.ti;
    const path = `/task-reschedules/${id}/start_date?try_number=${try_number}`;
    return this.send({ kind: 'other', method: 'GET', path, body: undefined, target: 'GET task-reschedules' });
  }

  /** A body differs from life to life and from write to write: the record shows which one remained. */
  writeFields(n: number, pair: Pick<Draft, 'duplicateOf' | 'op'> = {}): Promise<Answer> {
    return this.writeText(`echo life ${this.#context.spec.life} write ${n}`, pair);
  }

  /** Rendered fields of this text. */
  writeText(text: string, pair: Pick<Draft, 'duplicateOf' | 'op'> = {}): Promise<Answer> {
    const body = { bash_command: text };
    const requested = JSON.stringify(body);
    return this.send({ kind: 'rtif', method: 'PUT', route: 'rtif', body, requested, ...pair });
  }

  /** The name of a mapped task, which is its index here. */
  nameMapIndex(): Promise<Answer> {
    const body = this.#mapIndexName;
    const target = 'PATCH task-instances';
    return this.send({ kind: 'other', method: 'PATCH', route: 'rendered-map-index', body, target });
  }

  /** Whether its outlets are active: some DAG that Airflow knows has them. */
  checkOutlets(): Promise<Answer> {
    const target = 'GET task-instances';
    return this.send({ kind: 'other', method: 'GET', route: 'validate-inlets-and-outlets', body: undefined, target });
  }

  pushResult(): Promise<Answer> {
    const requested = `life ${this.#context.spec.life}`;
    return this.#push('return_value', requested, requested);
  }

  /** What a branch has decided, for when its tasks are cleared. */
  pushDecision(followed: readonly string[]): Promise<Answer> {
    return this.#push('skipmixin_key', { followed }, undefined);
  }

  /** A manual run of this moment. Clocks of workers have microseconds: two of one moment have another date. */
  runOf(dag_id: string): TriggeredRun {
    const moment = this.#time().replace('Z', String(this.#context.spec.life % 1_000).padStart(3, '0'));
    return { dag_id, run_id: `manual__${moment}+00:00`, logical_date: `${moment}Z` };
  }

  /** Its configuration names the life: the record shows that the run has it. */
  triggerRun({ dag_id, run_id, logical_date }: TriggeredRun, dropAnswer: boolean): Promise<Answer> {
    const conf = { windtunnel: `life ${this.#context.spec.life}` };
    return this.send({
      kind: 'trigger_run',
      method: 'POST',
      path: `/dag-runs/${encodeURIComponent(dag_id)}/${encodeURIComponent(run_id)}`,
      body: { logical_date, conf },
      target: `${dag_id}/${run_id}`,
      requested: JSON.stringify(conf),
      dropAnswer,
    });
  }

  pushRunId({ run_id }: TriggeredRun): Promise<Answer> {
    return this.#push(RUN_ID_KEY, run_id, run_id);
  }

  pushRunLink({ dag_id, run_id }: Pick<TriggeredRun, 'dag_id' | 'run_id'>): Promise<Answer> {
    const link = `/dags/${dag_id}/runs/${run_id}`;
    return this.#push(RUN_LINK_KEY, link, link);
  }

  /** The run that the task has triggered; there may be none. */
  readRunId(): Promise<Answer> {
    const path = this.#xcomPath(RUN_ID_KEY);
    return this.send({ kind: 'other', method: 'GET', path, body: undefined, target: 'GET xcoms' });
  }

  skip(skips: readonly string[]): Promise<Answer> {
    const body = { tasks: skips.map((task_id) => [task_id, -1]) };
    const target = skips.join(' ');
    return this.send({ kind: 'skip_downstream', method: 'PATCH', route: 'skip-downstream', body, target });
  }

  /** An end report. `before`: how the same report was answered before; `dropAnswer` as in `RequestSpec`. */
  async report(state: ReportedState, dropAnswer: boolean, before?: Answer): Promise<Answer> {
    const { client } = this.#context.spec;
    const rendered_map_index = this.#mapIndexName;
    const end_date = this.#time();
    const bodies = {
      success: () => ({
        ...{ end_date, task_outlets: this.#outlets, outlet_events: [], rendered_map_index },
        ...client.ofSuccess,
      }),
      failed: () => ({ end_date, rendered_map_index, ...client.ofFailure }),
      up_for_retry: () => ({ end_date, rendered_map_index, ...client.ofRetry }),
      up_for_reschedule: () => ({ end_date, reschedule_date: this.#time(this.#context.spec.fleet.heartbeat_ms) }),
      deferred: () => ({
        // Fires at the triggerer's next look.
        classpath: 'airflow.providers.standard.triggers.file.FileTrigger',
        trigger_kwargs: this.#serialized({ filepath: FILE_THAT_EXISTS, poke_interval: 1 }),
        trigger_timeout: TRIGGER_TIMEOUT,
        ...(client.namesTriggerQueue ? { queue: null } : {}),
        next_method: 'execute_complete',
        next_kwargs: this.#serialized({}),
        rendered_map_index,
      }),
    };
    const body = { state, ...bodies[state]() };
    const sent = before === undefined ? 0 : before.outcome === 'refused' ? 1 : this.#context.spec.fleet.retries;
    return this.send({ kind: 'state', method: 'PATCH', route: 'state', body, requested: state, dropAnswer }, sent);
  }

  /** From 3.4 on: the process has been ended as the server had asked. */
  acknowledgeStop(): Promise<Answer> {
    const { worker, pid } = this.#context.spec;
    const state = 'server_terminated';
    const { ofFailure } = this.#context.spec.client;
    const rendered_map_index = this.#mapIndexName;
    const body = { state, end_date: this.#time(), rendered_map_index, ...ofFailure, hostname: worker, pid };
    return this.send({ kind: 'state', method: 'PATCH', route: 'state', body, requested: state });
  }

  takeNumber(): number {
    return this.#context.requests.takeNumber();
  }

  async send(draft: Draft, before = 0): Promise<Answer> {
    const { requests, hazards, rng, hooks, spec } = this.#context;
    const dropAnswer = draft.dropAnswer === true || hazards.hit('lost_answer') !== undefined;
    const request = this.specOf(draft, dropAnswer);
    const once = draft.kind === 'heartbeat' && !spec.client.retriesBeats;
    return once ? requests.sendOnce(request, hooks.cancel) : requests.send(request, rng, hooks.cancel, before);
  }

  /** Each has the same properties in the same order, and so one shape for V8. */
  specOf(draft: Draft, dropAnswer?: boolean): RequestSpec {
    return {
      subject: this.#subject,
      kind: draft.kind,
      method: draft.method,
      path: draft.path ?? `/task-instances/${this.#context.spec.workload.ti.id}/${draft.route}`,
      body: draft.body,
      bearer: this.#bearer,
      intendedMs: draft.intendedMs ?? this.#context.clock.now(),
      requested: draft.requested,
      target: draft.target,
      duplicateOf: draft.duplicateOf,
      op: draft.op,
      dropAnswer,
    };
  }

  #push(key: string, body: unknown, requested: string | undefined): Promise<Answer> {
    return this.send({
      kind: 'xcom_push',
      method: 'POST',
      path: this.#xcomPath(key),
      body,
      target: key,
      requested,
    });
  }

  /** As the DAG factory makes them: the URI of an asset is its name. */
  get #outlets(): readonly Readonly<Record<'name' | 'uri' | 'type', string>>[] {
    return this.#context.spec.outlets.map((name) => ({ name, uri: name, type: 'Asset' }));
  }

  get #mapIndexName(): string | null {
    const { map_index } = this.#context.spec.workload.ti;
    return map_index < 0 ? null : String(map_index);
  }

  #xcomPath(key: string): string {
    const { dag_id, run_id, task_id, map_index } = this.#context.spec.workload.ti;
    const parts = [dag_id, run_id, task_id, key].map(encodeURIComponent);
    return `/xcoms/${parts.join('/')}${map_index < 0 ? '' : `?map_index=${map_index}`}`;
  }

  /** On 3.1 a plain object would take the whole triggerer down (KeyError: '__var'). */
  #serialized(kwargs: Readonly<Record<string, unknown>>): unknown {
    return this.#context.spec.client.plainTriggers ? kwargs : { __type: 'dict', __var: kwargs };
  }

  /** As its machine's clock has it, which is the run's unless a fault sets it. */
  #time(inMs = 0): string {
    if (this.#skewMs === 0) this.#skewMs = this.#context.hazards.hit('skewed_clock')?.ms ?? 0;
    const { clock } = this.#context;
    return new Date(clock.startedAt.getTime() + clock.now() + this.#skewMs + inMs).toISOString();
  }
}
