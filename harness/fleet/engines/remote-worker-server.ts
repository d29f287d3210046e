import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import Queue from 'yocto-queue';
import type { WallClock } from '../../model/clock.ts';
import type { ClockReading } from '../../model/clock-offset.ts';
import { messageOf, reasonOf, StackError, UsageError } from '../../model/errors.ts';
import { isRecord } from '../../model/json.ts';
import type { PlannedHazard } from '../../model/misbehaviour.ts';
import type { LifeEnd } from '../../model/operation.ts';
import { isSecret } from '../../model/secret.ts';
import type { Hazards } from '../../worker/hazards.ts';
import type { LifeSpec } from '../../worker/life-spec.ts';
import type { Lease, ProgressReply, ProgressReport } from '../../worker/remote.ts';
import type { OperationLog } from '../../worker/requests.ts';
import { BestReadings } from './best-readings.ts';
import type { Engine, FleetHooks } from './engine.ts';

/** Interval of progress reports. A worker that dies loses at most so much of its record. */
const REPORT_MS = 5_000;
/** After this time without a report a worker is considered dead. */
const LEASE_MS = 30_000;
const SWEEP_MS = 1_000;
/** How long the request of a worker waits while there is no life for it. */
const ASK_MS = 20_000;
const ASKED_EVERY_MS = 50;
/** Of a progress report, and of the question for a life. */
const REPORT_LIMIT = 32_000_000;
const QUESTION_LIMIT = 10_000;
/** How long a request may take to arrive. */
const HEADERS_MS = 10_000;
const ARRIVE_MS = 30_000;
/** Far more than a life sends in an interval. */
const SENT_LIMIT = 1_000_000;

export interface RemoteWorkerServerOptions {
  /** `127.0.0.1:0` or another host and port. */
  readonly listen: string;
  /** A client that has it gets workers' tokens. */
  readonly token: string;
  readonly executionUrls: readonly string[];
  readonly clock: WallClock;
  readonly operationLog: OperationLog;
  readonly hazards: Hazards;
  /** Those of the plan that have a time: none before the load. */
  windows(): readonly PlannedHazard[];
  /** Called when a lease has expired. */
  onLost(spec: LifeSpec): void;
  /** Called once a second at most with the best reading of the clock of a worker's process. */
  onReading(process: string, reading: ClockReading): void;
  readonly reportMs?: number;
  readonly leaseMs?: number;
}

/** A life that a remote worker plays. */
interface RemotePlay {
  readonly spec: LifeSpec;
  readonly hooks: FleetHooks;
  readonly finish: (end: LifeEnd) => void;
  /** The numbers of its operations in the run, by its own. */
  readonly numbers: Map<number, number>;
  sent: number;
  reportedMs: number;
}

/** A life that no worker has asked for yet. */
type QueuedLife = Pick<RemotePlay, 'spec' | 'hooks' | 'finish'> & { isTaken: boolean };

/**
 * Hands lives to remote workers that ask over HTTP, and takes their records. As many are played at once as workers ask;
 * a life that waits for a worker is late, and the record shows it.
 */
export class RemoteWorkerServer implements Engine {
  readonly url: string;
  readonly #options: RemoteWorkerServerOptions;
  readonly #server: Server;
  readonly #reportMs: number;
  readonly #leaseMs: number;
  readonly #plays = new Map<number, RemotePlay>();
  /** Those that were revoked stay until their turn comes: to look for one among many takes long. */
  readonly #queue = new Queue<QueuedLife>();
  readonly #asking = new Set<Asking>();
  readonly #readings: BestReadings;
  readonly #sweeper: NodeJS.Timeout;
  #leases = 0;
  #dismissed = false;
  #endsMs: number | null = null;

  private constructor(url: string, server: Server, options: RemoteWorkerServerOptions) {
    this.url = url;
    this.#options = options;
    this.#server = server;
    this.#readings = new BestReadings(options.clock, options.onReading);
    this.#reportMs = options.reportMs ?? REPORT_MS;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    // One that cannot be accepted, such as for want of a file descriptor, is the worker's to try again.
    server.on('error', () => undefined);
    server.on('request', (request, response) => void this.#serve(request, response));
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(SWEEP_MS, this.#leaseMs / 4));
  }

  static async open(options: RemoteWorkerServerOptions): Promise<RemoteWorkerServer> {
    const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(options.listen) ?? [];
    const server = createServer({
      keepAliveTimeout: ASK_MS * 2,
      headersTimeout: HEADERS_MS,
      requestTimeout: ARRIVE_MS,
    });
    try {
      server.listen({ host: host.replace(/^\[|\]$/g, ''), port: Number(port), backlog: 4096 });
      await once(server, 'listening');
    } catch (error) {
      throw new UsageError(`Cannot listen on ${options.listen} for k6 workers: ${reasonOf(error)}.`, { cause: error });
    }
    const address = server.address();
    const bound = typeof address === 'object' && address ? address.port : Number(port);
    return new RemoteWorkerServer(`http://${host}:${bound}`, server, options);
  }

  play(spec: LifeSpec, hooks: FleetHooks): Promise<LifeEnd> {
    return new Promise((finish) => {
      if (hooks.cancel.aborted) {
        finish('run-ended');
        return;
      }
      const queued: QueuedLife = { spec, hooks, finish, isTaken: false };
      this.#queue.enqueue(queued);
      hooks.cancel.addEventListener('abort', () => {
        // A life that no worker has asked for ends with the run.
        if (queued.isTaken) return;
        queued.isTaken = true;
        finish('run-ended');
      });
      this.#handOut();
    });
  }

  /** Resolves when this many workers wait for lives. */
  async workersAsk(wanted: number, withinMs: number, stop?: AbortSignal): Promise<void> {
    for (let waited = 0; this.#asking.size < wanted; waited += ASKED_EVERY_MS) {
      if (waited >= withinMs) {
        throw new StackError(
          `Only ${this.#asking.size} of ${wanted} k6 workers asked for a life within ${withinMs / 1000} s.`,
        );
      }
      stop?.throwIfAborted();
      await sleep(ASKED_EVERY_MS);
    }
  }

  /** Sent with each reply, so that lives end with the run and not with the next report after it. */
  willEndAt(atMs: number): void {
    this.#endsMs = atMs;
  }

  /** From now on workers that ask are answered that the run has ended. */
  dismiss(): void {
    this.#dismissed = true;
    for (const asking of this.#asking) this.#answer(asking, 410);
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    this.dismiss();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #handOut(): void {
    for (const asking of this.#asking) {
      const next = this.#next();
      if (!next) return;
      const lease = ++this.#leases;
      const { clock, executionUrls, operationLog } = this.#options;
      const now = clock.now();
      const { spec } = next;
      this.#plays.set(lease, { ...next, numbers: new Map(), sent: 0, reportedMs: now });
      this.#answer(asking, 200, {
        lease,
        spec,
        url: executionUrls[spec.life % executionUrls.length] ?? '',
        correlation: operationLog.correlation,
        startedAt: clock.startedAt.getTime(),
        receivedMs: asking.receivedMs,
        answeredMs: now,
        reportMs: this.#reportMs,
        windows: this.#options.windows().filter(({ closesMs }) => closesMs > now),
        endsMs: this.#endsMs,
      } satisfies Lease);
    }
  }

  #next(): QueuedLife | undefined {
    for (let next = this.#queue.dequeue(); next; next = this.#queue.dequeue()) {
      if (next.isTaken) continue;
      next.isTaken = true;
      if (!next.hooks.isRevoked()) return next;
      next.finish('revoked');
    }
    return undefined;
  }

  /** The outcome of an expired lease is unknown: Airflow must notice by itself that there are no more heartbeats. */
  #sweep(): void {
    const now = this.#options.clock.now();
    for (const [lease, { reportedMs, spec, finish }] of this.#plays) {
      if (now - reportedMs < this.#leaseMs) continue;
      this.#plays.delete(lease);
      this.#options.onLost(spec);
      finish('lost');
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => response.destroy());
    const receivedMs = this.#options.clock.now();
    try {
      const [, id] = /^\/leases(?:\/(\d+))?$/.exec(request.url ?? '') ?? [];
      if (request.method !== 'POST' || !request.url?.startsWith('/leases')) return void response.writeHead(404).end();
      // Before the body is read, which may be 32 MB.
      if (!isSecret(request.headers.authorization ?? '', `Bearer ${this.#options.token}`))
        return void response.writeHead(401, { connection: 'close' }).end();
      const body = await bodyOf(request, id === undefined ? QUESTION_LIMIT : REPORT_LIMIT);
      if (id === undefined) this.#ask(receivedMs, response);
      else this.#takeReport(Number(id), reportIn(body), receivedMs, response);
    } catch (error) {
      if (response.headersSent) return;
      response.writeHead(400, { 'content-type': 'text/plain', connection: 'close' }).end(messageOf(error));
    }
  }

  #ask(receivedMs: number, response: ServerResponse): void {
    const asking: Asking = { response, receivedMs, timer: setTimeout(() => this.#answer(asking, 204), ASK_MS) };
    this.#asking.add(asking);
    response.on('close', () => {
      clearTimeout(asking.timer);
      this.#asking.delete(asking);
    });
    if (this.#dismissed) this.#answer(asking, 410);
    else this.#handOut();
  }

  #answer(asking: Asking, status: number, body?: Lease): void {
    clearTimeout(asking.timer);
    this.#asking.delete(asking);
    const { response } = asking;
    if (body) response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    else response.writeHead(status).end();
  }

  #takeReport(id: number, report: ProgressReport, receivedMs: number, response: ServerResponse): void {
    const play = this.#plays.get(id);
    if (!play) return void response.writeHead(410).end();
    const { clock, operationLog, hazards } = this.#options;
    if (report.sent > play.sent + SENT_LIMIT) throw new Error(`sent is over ${SENT_LIMIT} more than before`);
    play.reportedMs = clock.now();
    for (; play.sent < report.sent; play.sent++) operationLog.sent();
    for (const [operation, status] of report.operations) {
      const op = this.#numberOf(play, operation.op);
      const duplicate_of = operation.duplicate_of === null ? null : this.#numberOf(play, operation.duplicate_of);
      operationLog.recordOperation({ ...operation, op, duplicate_of }, status);
    }
    for (const [misbehaviour, times] of report.hits) hazards.addHits(misbehaviour, play.spec.life, times);
    if (report.reading) this.#readings.take(report.process, report.reading);
    if (report.startedMs !== undefined) play.hooks.onStarted(report.startedMs);
    if (report.leaving) void play.hooks.onLeaving();
    const { cancel } = play.hooks;
    const reply: ProgressReply = {
      cancelled: cancel.aborted,
      revoked: play.hooks.isRevoked(),
      endsMs: this.#endsMs,
      receivedMs,
      answeredMs: clock.now(),
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
    if (report.end === undefined) return;
    this.#plays.delete(id);
    play.finish(report.end);
  }

  #numberOf({ numbers }: RemotePlay, own: number): number {
    const known = numbers.get(own);
    if (known !== undefined) return known;
    const op = this.#options.operationLog.takeNumber();
    numbers.set(own, op);
    return op;
  }
}

interface Asking {
  readonly response: ServerResponse;
  readonly receivedMs: number;
  readonly timer: NodeJS.Timeout;
}

async function bodyOf(request: IncomingMessage, limit: number): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > limit) throw new Error(`a body is over ${limit} bytes`);
    chunks.push(chunk as Buffer);
  }
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (!isRecord(body)) throw new Error('the body is not an object');
  return body;
}

/** A client with the token is believed: only what would hold up this process is looked at. */
function reportIn(body: Record<string, unknown>): ProgressReport {
  if (!Number.isSafeInteger(body.sent)) throw new Error('sent is not a whole number');
  if (!Array.isArray(body.operations)) throw new Error('operations is not a list');
  if (!Array.isArray(body.hits)) throw new Error('hits is not a list');
  if (body.reading !== undefined) {
    const isWhole = isRecord(body.reading) && Object.values(body.reading).every(Number.isFinite);
    if (!isWhole || !/^k6-\w{1,40}$/.test(String(body.process))) throw new Error('reading is not of a clock');
  }
  return body as unknown as ProgressReport;
}
