import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import pLimit, { type LimitFunction } from 'p-limit';

import { LineSplitter } from '../../../handoff/protocol.ts';
import type { StartedClock } from '../../../model/clock.ts';
import { StackError } from '../../../model/errors.ts';
import { recordIn } from '../../../model/json.ts';
import type { LifeEnd } from '../../../model/operation.ts';
import type { RunContext } from '../../../model/run-context.ts';
import type { SupervisedProcess } from '../../../model/stack.ts';
import { cancellableSleep } from '../../../worker/cancel.ts';
import { Hazards, type LifeHazards } from '../../../worker/hazards.ts';
import { drawLifePlan, generatorsOf, type LifePlan, type LifeSpec, subjectOfLife } from '../../../worker/life-spec.ts';
import type { Answer, OperationLog } from '../../../worker/requests.ts';
import { HttpTransport } from '../../http-transport.ts';
import type { ConnectionUse, Engine, FleetHooks } from '../engine.ts';
import type { PassedRequest } from './passed-request.ts';
import { type PassedLife, RecordingProxy } from './recording-proxy.ts';
import { Shares } from './shares.ts';

/** Importing the Task SDK takes 3 to 6 s, beside a stack that imports Airflow. */
const READY_MS = 120_000;
/** A worker that is killed when the run ends. */
const END_MS = 5_000;
/** What the workers' process says is far shorter. */
const LINE_LIMIT = 4_000;

export interface RealWorkersOptions {
  /** At most so many at once; all other lives are played by `others`. */
  readonly most: number;
  /** They wait for a place instead. */
  readonly isAll: boolean;
  readonly others: Engine;
  /** A socket file in a folder that is removed with the run. */
  readonly socket: string;
  /** Starts `windtunnel_workers.py` with the Python of the build. */
  start(env: Readonly<Record<string, string>>): SupervisedProcess;
  readonly runFolder: string;
  /** The file in the run folder where the output of a life's worker goes. */
  logOf(life: number): string;
  readonly executionUrls: readonly string[];
  readonly operationLog: OperationLog;
  readonly hazards: Hazards;
}

/** What the workers' process says; see `windtunnel_workers.py`. */
type Message = { readonly ready: number } | { readonly ended: number; readonly code: number };

/**
 * Some of the lives are played by real workers: the supervisor and the task runner of the build, in processes of their
 * own. A workload gets one if one is free when its scheduler hands it over.
 */
export async function openRealWorkers(
  { clock, fail, plan }: Pick<RunContext, 'clock' | 'fail' | 'plan'>,
  options: RealWorkersOptions,
): Promise<Engine> {
  const { connections, timeout_ms } = plan.scenario.fleet;
  const transport = new HttpTransport(options.executionUrls, connections, timeout_ms);
  const proxy = await RecordingProxy.open({ transport, operationLog: options.operationLog, clock, fail });
  const tasks = new Set(plan.scenario.dags.flatMap((dag) => dag.tasks.map(({ task_id }) => task_id)));
  const engine = new RealWorkers(options, { clock, proxy, transport, shares: new Shares(tasks.size) });
  try {
    await engine.open(fail);
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}

interface RealWorkersParts {
  readonly clock: StartedClock;
  readonly proxy: RecordingProxy;
  readonly transport: HttpTransport;
  readonly shares: Shares;
}

class RealWorkers implements Engine {
  readonly #options: RealWorkersOptions;
  readonly #clock: StartedClock;
  readonly #proxy: RecordingProxy;
  readonly #transport: HttpTransport;
  readonly #shares: Shares;
  readonly #inTurn: LimitFunction;
  readonly #ends = new Map<number, (code: number) => void>();
  #server: Server | undefined;
  #workers: Socket | undefined;
  #closing = false;
  #process: SupervisedProcess | undefined;

  constructor(options: RealWorkersOptions, { clock, proxy, transport, shares }: RealWorkersParts) {
    this.#options = options;
    this.#clock = clock;
    this.#proxy = proxy;
    this.#transport = transport;
    this.#shares = shares;
    this.#inTurn = pLimit(options.most);
  }

  get connections(): ConnectionUse | undefined {
    return this.#options.others.connections;
  }

  async open(fail: RunContext['fail']): Promise<void> {
    const connected = new Promise<void>((resolve) => {
      this.#server = createServer((socket) => {
        this.#workers = socket;
        socket.on('error', () => undefined);
        const splitter = new LineSplitter(LINE_LIMIT);
        socket.on('data', (chunk: Buffer) => {
          for (const line of splitter.push(chunk)) {
            const message = JSON.parse(line) as Message;
            if ('ready' in message) resolve();
            else this.#ends.get(message.ended)?.(message.code);
          }
        });
      });
    });
    await new Promise<void>((resolve, reject) => {
      this.#server?.once('error', reject).listen(this.#options.socket, resolve);
    });
    const process = this.#options.start({ WINDTUNNEL_WORKERS: this.#options.socket });
    this.#process = process;
    const ended = process.ended.then((how) => {
      const error = new StackError(`The process of the real workers ${how}: ${process.log} says why.`);
      if (!this.#closing) fail(error);
      throw error;
    });
    ended.catch(() => undefined);
    const late = new AbortController();
    const tooLate = sleep(READY_MS, undefined, { signal: late.signal }).then(() => {
      throw new StackError(`The real workers were not ready within ${READY_MS / 1000} s: see ${process.log}.`);
    });
    try {
      await Promise.race([connected, ended, tooLate]);
    } finally {
      late.abort();
      tooLate.catch(() => undefined);
    }
  }

  async play(spec: LifeSpec, hooks: FleetHooks): Promise<LifeEnd> {
    const { isAll, most, others } = this.#options;
    const taken = this.#inTurn.activeCount + this.#inTurn.pendingCount;
    const isReal = isAll || (taken < most && this.#shares.take(spec.workload.ti.task_id));
    return isReal ? this.#inTurn(() => this.#playOne(spec, hooks)) : others.play(spec, hooks);
  }

  async #playOne(spec: LifeSpec, hooks: FleetHooks): Promise<LifeEnd> {
    try {
      return await this.#playReal(spec, hooks);
    } catch (error) {
      if (hooks.cancel.aborted) return 'run-ended';
      throw error;
    } finally {
      this.#proxy.end(spec.life);
    }
  }

  async #playReal(spec: LifeSpec, hooks: FleetHooks): Promise<LifeEnd> {
    const { own, hazards } = generatorsOf(spec);
    const itsHazards = this.#options.hazards.of(spec.life, hazards);
    // Of the faults of workers, those that a proxy can play.
    const plan = drawLifePlan(spec, own, new Hazards().of(spec.life, hazards));
    const startMs = spec.handedMs + plan.pickupMs + (itsHazards.hit('late_start')?.ms ?? 0);
    if (startMs > this.#clock.now()) await cancellableSleep(startMs - this.#clock.now(), hooks.cancel);
    if (hooks.isRevoked()) return 'revoked';
    if (plan.neverStarts) return 'never-started';
    const log = this.#options.logOf(spec.life);
    const file = path.join(this.#options.runFolder, log);
    const life = new RealLife({ spec, plan, hooks, log, hazards: itsHazards, clock: this.#clock });
    this.#proxy.begin(spec.life, life);
    const ended = new Promise<number>((resolve) => this.#ends.set(spec.life, resolve));
    const kill = () => this.#send({ kill: spec.life });
    hooks.cancel.addEventListener('abort', kill);
    this.#send({
      start: spec.life,
      workload: spec.workload,
      server: this.#proxy.urlOf(spec.life),
      host: spec.worker,
      plan: { life: spec.life, ...planOf(plan), skips: spec.task.skips ?? [], command: own.next() < 0.5 },
      log: file,
    });
    try {
      if (hooks.cancel.aborted) kill();
      return life.endOf(await Promise.race([ended, this.#goneWith(hooks)]), file);
    } finally {
      hooks.cancel.removeEventListener('abort', kill);
      this.#ends.delete(spec.life);
    }
  }

  /** A worker that was killed says so at once; the run does not wait for one without a parent. */
  async #goneWith({ cancel }: FleetHooks): Promise<number> {
    await new Promise<void>((resolve) => {
      if (cancel.aborted) resolve();
      else cancel.addEventListener('abort', resolve);
    });
    await sleep(END_MS, undefined, { ref: false });
    return -9;
  }

  #send(message: Readonly<Record<string, unknown>>): void {
    this.#workers?.write(`${JSON.stringify(message)}\n`);
  }

  willEndAt(atMs: number): void {
    this.#options.others.willEndAt?.(atMs);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#options.others.close();
    this.#workers?.end();
    // Its workers end with it; the process table has what does not.
    await Promise.race([this.#process?.ended, sleep(END_MS, undefined, { ref: false })]);
    this.#workers?.destroy();
    this.#server?.close();
    await this.#proxy.close();
    await this.#transport.close();
  }
}

function planOf({ durationMs, silentDeath, defers, fails, xcom }: LifePlan) {
  return { duration_ms: durationMs, silent: silentDeath, defers, fails, xcom };
}

interface RealLifeOptions {
  readonly spec: LifeSpec;
  readonly plan: LifePlan;
  readonly hooks: FleetHooks;
  readonly hazards: LifeHazards;
  readonly clock: StartedClock;
  /** In the run folder. */
  readonly log: string;
}

/** What passed between one real worker and the server, as far as its end depends on it. */
class RealLife implements PassedLife {
  readonly subject;
  readonly cancel;
  readonly #options: RealLifeOptions;
  #start: Answer['outcome'] | undefined;
  #isReported = false;
  #isRefused = false;
  /** The server has taken the task away. */
  #isTaken = false;

  constructor(options: RealLifeOptions) {
    this.subject = subjectOfLife(options.spec);
    this.cancel = options.hooks.cancel;
    this.#options = options;
  }

  async before({ kind, requested }: PassedRequest, attempt: number) {
    const { plan, hooks, hazards } = this.#options;
    if (kind === 'state' && (requested === 'deferred' || requested === 'up_for_reschedule')) {
      await hooks.onLeaving();
    }
    const mayLose = attempt === 1 && ['run', 'state', 'trigger_run'].includes(kind);
    return {
      heldMs: (kind === 'state' && hazards.hit('late_end')?.ms) || 0,
      dropAnswer: (mayLose && plan.lostAnswer) || (attempt === 1 && hazards.hit('lost_answer') !== undefined),
    };
  }

  after({ kind }: PassedRequest, { outcome, status }: Answer, text: string): void {
    if (kind === 'run') {
      const { hooks, clock, log } = this.#options;
      const { pid } = recordIn(text);
      if (this.#start === undefined && typeof pid === 'number') hooks.onRealWorker({ pid, log });
      if (outcome === 'ok' && this.#start !== 'ok') hooks.onStarted(clock.now());
      this.#start = outcome;
    } else if (kind === 'state' && outcome === 'ok') this.#isReported = true;
    else if ((kind === 'state' || kind === 'heartbeat') && outcome === 'refused') {
      this.#isRefused = true;
      const { takesAway } = this.#options.spec.client;
      if (kind === 'heartbeat' && status !== null && takesAway.includes(status)) this.#isTaken = true;
    }
  }

  /** `code`: as in `windtunnel_workers.py`. Throws a StackError for a worker that did not come to its first request. */
  endOf(code: number, log: string): LifeEnd {
    if (this.cancel.aborted) return 'run-ended';
    if (this.#start === undefined) {
      const how = code < 0 ? `was ended by signal ${-code}` : `ended with code ${code}`;
      throw new StackError(`The real worker of life ${this.subject.life} ${how} before its first request: see ${log}.`);
    }
    // Of one that was killed its executor learns nothing.
    if (code >= 0) this.#options.hooks.onSupervisorEnd(code !== 0);
    if (this.#start === 'refused') return 'refused';
    if (this.#isReported) return this.#isTaken ? 'stopped' : 'reported';
    // The supervisor's own exit code: it raised an error.
    if (this.#start === 'unknown' || code === 1) return 'raised';
    if (code < 0 && this.#options.plan.silentDeath) return 'silent';
    return this.#isRefused ? 'stopped' : 'gave-up';
  }
}
