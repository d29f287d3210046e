import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import Queue from 'yocto-queue';
import { messageOf, StackError, UsageError } from '../../model/errors.ts';
import { isRecord } from '../../model/json.ts';
import type { PlannedHazard } from '../../model/misbehaviour.ts';
import type { LifeEnd } from '../../model/operation.ts';
import type { RunClock } from '../../run-folder/clock.ts';
import type { Hazards } from '../../worker/hazards.ts';
import type { Birth } from '../../worker/life-spec.ts';
import type { Lease, Reply, Word } from '../../worker/remote.ts';
import type { RequestLog } from '../http-client.ts';
import type { Engine, Hooks } from './engine.ts';

/** A word is due so often: what a worker that dies can take with it, and how late it hears that the run is over. */
const WORD_MS = 5_000;
/** Without a word for so long its worker is dead. */
const LEASE_MS = 30_000;
const SWEEP_MS = 1_000;
/** Who asks while there is nothing to lend waits here so long. */
const ASK_MS = 20_000;
/** A clock that is off by more would put requests before or after the commits that they made. */
const CLOCK_OFF_MS = 1_000;
const ASKED_EVERY_MS = 50;
const BODY_LIMIT = 32_000_000;

export interface LeaseDeskOptions {
  /** `127.0.0.1:0` or another host and port. */
  readonly listen: string;
  /** Who has it may take workers' tokens. */
  readonly token: string;
  readonly executionUrls: readonly string[];
  readonly clock: RunClock;
  readonly book: RequestLog;
  readonly hazards: Hazards;
  /** Those of the plan that have a time: none before the load. */
  windows(): readonly PlannedHazard[];
  /** Called when a lease has run out. */
  onLost(birth: Birth): void;
  readonly wordMs?: number;
  readonly leaseMs?: number;
}

interface Lent {
  readonly birth: Birth;
  readonly hooks: Hooks;
  readonly finish: (end: LifeEnd) => void;
  /** The numbers of its operations in the run, by its own. */
  readonly numbers: Map<number, number>;
  sent: number;
  heardMs: number;
}

type Waiting = Pick<Lent, 'birth' | 'hooks' | 'finish'> & { isTaken: boolean };

/**
 * Lends lives to whoever asks over HTTP and takes their record back. How many are played at once is how many ask; what
 * waits for one to ask is late, and shows as that.
 */
export class LeaseDesk implements Engine {
  readonly url: string;
  readonly #options: LeaseDeskOptions;
  readonly #server: Server;
  readonly #wordMs: number;
  readonly #leaseMs: number;
  readonly #lent = new Map<number, Lent>();
  /** Those that were taken back stay until their turn comes: to look for one among many takes long. */
  readonly #births = new Queue<Waiting>();
  readonly #asking = new Set<Asking>();
  readonly #sweeper: NodeJS.Timeout;
  #leases = 0;
  #over = false;
  #endsMs: number | null = null;

  private constructor(url: string, server: Server, options: LeaseDeskOptions) {
    this.url = url;
    this.#options = options;
    this.#server = server;
    this.#wordMs = options.wordMs ?? WORD_MS;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    server.on('request', (request, response) => void this.#serve(request, response));
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(SWEEP_MS, this.#leaseMs / 4));
  }

  static async open(options: LeaseDeskOptions): Promise<LeaseDesk> {
    const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(options.listen) ?? [];
    const server = createServer({ keepAliveTimeout: ASK_MS * 2, requestTimeout: 0 });
    try {
      server.listen({ host: host.replace(/^\[|\]$/g, ''), port: Number(port), backlog: 4096 });
      await once(server, 'listening');
    } catch (error) {
      throw new UsageError(`Lives cannot be lent at ${options.listen}: ${messageOf(error)}.`, { cause: error });
    }
    const address = server.address();
    const bound = typeof address === 'object' && address ? address.port : Number(port);
    return new LeaseDesk(`http://${host}:${bound}`, server, options);
  }

  play(birth: Birth, hooks: Hooks): Promise<LifeEnd> {
    return new Promise((finish) => {
      if (hooks.over.aborted) {
        finish('run-ended');
        return;
      }
      const waiting: Waiting = { birth, hooks, finish, isTaken: false };
      this.#births.enqueue(waiting);
      hooks.over.addEventListener('abort', () => {
        // What nobody has been lent yet ends with the run.
        if (waiting.isTaken) return;
        waiting.isTaken = true;
        finish('run-ended');
      });
      this.#lend();
    });
  }

  /** Resolves when so many ask at once: whoever is to play is there. */
  async asked(wanted: number, withinMs: number, stop?: AbortSignal): Promise<void> {
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

  /** Told with each word, so that lives end with the run and not with the next word after it. */
  willEndAt(atMs: number): void {
    this.#endsMs = atMs;
  }

  /** From now on whoever asks is told that the run is over. */
  dismiss(): void {
    this.#over = true;
    for (const asking of this.#asking) this.#answer(asking, 410);
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    this.dismiss();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #lend(): void {
    for (const asking of this.#asking) {
      const next = this.#next();
      if (!next) return;
      const lease = ++this.#leases;
      const { clock, executionUrls, book } = this.#options;
      this.#lent.set(lease, { ...next, numbers: new Map(), sent: 0, heardMs: clock.now() });
      const now = clock.now();
      const { birth } = next;
      this.#answer(asking, 200, {
        lease,
        birth,
        url: executionUrls[birth.life % executionUrls.length] ?? '',
        correlation: book.correlation,
        startedAt: clock.startedAt.getTime(),
        wordMs: this.#wordMs,
        windows: this.#options.windows().filter(({ closesMs }) => closesMs > now),
        endsMs: this.#endsMs,
      } satisfies Lease);
    }
  }

  #next(): Waiting | undefined {
    for (let next = this.#births.dequeue(); next; next = this.#births.dequeue()) {
      if (next.isTaken) continue;
      next.isTaken = true;
      if (!next.hooks.isRevoked()) return next;
      next.finish('revoked');
    }
    return undefined;
  }

  /** What came of a lease whose worker died is not known: Airflow must notice by itself that nobody beats any more. */
  #sweep(): void {
    const now = this.#options.clock.now();
    for (const [lease, { heardMs, birth, finish }] of this.#lent) {
      if (now - heardMs < this.#leaseMs) continue;
      this.#lent.delete(lease);
      this.#options.onLost(birth);
      finish('lost');
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => response.destroy());
    try {
      const [, id] = /^\/leases(?:\/(\d+))?$/.exec(request.url ?? '') ?? [];
      if (request.method !== 'POST' || !request.url?.startsWith('/leases')) return void response.writeHead(404).end();
      const body = await bodyOf(request);
      if (request.headers.authorization !== `Bearer ${this.#options.token}`) return void response.writeHead(401).end();
      if (id === undefined) this.#ask(body, response);
      else this.#hear(Number(id), body as unknown as Word, response);
    } catch (error) {
      if (!response.headersSent) response.writeHead(400, { 'content-type': 'text/plain' }).end(messageOf(error));
    }
  }

  #ask({ now_ms }: Record<string, unknown>, response: ServerResponse): void {
    // The body has travelled meanwhile: what it says is a little in the past even if the clocks agree.
    const offMs = Date.now() - Number(now_ms);
    if (!(Math.abs(offMs) <= CLOCK_OFF_MS)) {
      const why = `Your clock is ${(offMs / 1000).toFixed(1)} s behind this one: both must be set by NTP.\n`;
      return void response.writeHead(409, { 'content-type': 'text/plain' }).end(why);
    }
    const asking: Asking = { response, timer: setTimeout(() => this.#answer(asking, 204), ASK_MS) };
    this.#asking.add(asking);
    response.on('close', () => {
      clearTimeout(asking.timer);
      this.#asking.delete(asking);
    });
    if (this.#over) this.#answer(asking, 410);
    else this.#lend();
  }

  #answer(asking: Asking, status: number, body?: Lease): void {
    clearTimeout(asking.timer);
    this.#asking.delete(asking);
    const { response } = asking;
    if (body) response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    else response.writeHead(status).end();
  }

  #hear(id: number, word: Word, response: ServerResponse): void {
    const lent = this.#lent.get(id);
    if (!lent) return void response.writeHead(410).end();
    const { clock, book, hazards } = this.#options;
    lent.heardMs = clock.now();
    for (; lent.sent < word.sent; lent.sent++) book.sent();
    for (const [operation, status] of word.operations) {
      const op = this.#number(lent, operation.op);
      const duplicate_of = operation.duplicate_of === null ? null : this.#number(lent, operation.duplicate_of);
      book.ended({ ...operation, op, duplicate_of }, status);
    }
    for (const [misbehaviour, times] of word.hits) hazards.addHits(misbehaviour, lent.birth.life, times);
    if (word.startedMs !== undefined) lent.hooks.onStarted(word.startedMs);
    if (word.leaving) void lent.hooks.onLeaving();
    const { over } = lent.hooks;
    const reply: Reply = { over: over.aborted, revoked: lent.hooks.isRevoked(), endsMs: this.#endsMs };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
    if (word.end === undefined) return;
    this.#lent.delete(id);
    lent.finish(word.end);
  }

  #number({ numbers }: Lent, own: number): number {
    const known = numbers.get(own);
    if (known !== undefined) return known;
    const op = this.#options.book.take();
    numbers.set(own, op);
    return op;
  }
}

interface Asking {
  readonly response: ServerResponse;
  readonly timer: NodeJS.Timeout;
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT) throw new Error(`a body is over ${BODY_LIMIT} bytes`);
    chunks.push(chunk as Buffer);
  }
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (!isRecord(body)) throw new Error('the body is not an object');
  return body;
}
