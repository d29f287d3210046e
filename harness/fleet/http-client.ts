import { randomBytes } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

import { type Dispatcher, Pool } from 'undici';
import Queue from 'yocto-queue';
import type { Operation } from '../model/operation.ts';
import type { RunClock } from '../run-folder/clock.ts';
import type { RunFolder } from '../run-folder/writer.ts';
import type { Over } from '../worker/cancel.ts';
import {
  headersOf,
  type OperationBook,
  type Received,
  Requests,
  type Sending,
  type Transport,
} from '../worker/requests.ts';
import type { ConnectionUse } from './engines/engine.ts';
import { exchange } from './http-exchange.ts';

export interface ApiClientOptions {
  readonly urls: readonly string[];
  readonly connections: number;
  readonly timeoutMs: number;
  /** Sendings of one request in all. */
  readonly retries: number;
  readonly clock: RunClock;
  readonly book: OperationBook & { readonly correlation: string };
}

/** The requests of one run: numbers them, writes each down, and keeps the totals that the live line and the reconciliation read. */
export class RequestLog implements OperationBook {
  readonly #record: RunFolder;
  #next = 1;
  readonly totals = { sent: 0, ended: 0, inFlight: 0, http409: 0, http5xx: 0 };
  /** Milliseconds from the intended start, since whoever watches the run looked last. */
  readonly latency: RecordableHistogram = createHistogram();
  /** The latest answer that a client of Airflow should never see. */
  lastFailure: string | undefined;

  constructor(record: RunFolder) {
    this.#record = record;
  }

  /** Of this run and no other. */
  readonly correlation = randomBytes(4).toString('hex');

  take(): number {
    return this.#next++;
  }

  sent(): void {
    this.totals.sent++;
    this.totals.inFlight++;
  }

  ended(row: Operation, status: number | null): void {
    const { totals } = this;
    totals.inFlight--;
    totals.ended++;
    if (status === 409) totals.http409++;
    if (status !== null && status >= 500) {
      totals.http5xx++;
      this.lastFailure = `${status} to ${row.kind} of ${row.task_id ?? row.dag_id ?? 'it'}`;
    }
    if (row.ended_ms !== null) this.latency.record(Math.max(1, Math.round(row.ended_ms - row.intended_ms)));
    this.#record.append('operations', row);
  }
}

/** Requests that this process sends itself, over so many connections to each server. */
export class ApiClient extends Requests {
  readonly #transport: Pools;

  constructor({ urls, connections, timeoutMs, retries, clock, book }: ApiClientOptions) {
    const transport = new Pools(urls, connections, timeoutMs);
    super({ transport, retries, clock, book, correlation: book.correlation });
    this.#transport = transport;
  }

  /** Connections that it may have in all, and requests that wait for one of them. */
  get connections(): ConnectionUse {
    return this.#transport.use;
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

class Pools implements Transport {
  readonly #servers: readonly Server[];

  constructor(urls: readonly string[], connections: number, timeoutMs: number) {
    if (urls.length === 0) throw new Error('an API client needs at least one URL');
    this.#servers = urls.map((url) => new Server(new URL(url), connections, timeoutMs));
  }

  get use(): ConnectionUse {
    const sum = (of: (server: Server) => number) => this.#servers.reduce((all, server) => all + of(server), 0);
    return { limit: sum(({ limit }) => limit), waiting: sum(({ waiting }) => waiting) };
  }

  exchange(request: Sending, over: Over): Promise<Received> {
    const server = this.#servers[(request.spec.subject.life ?? 0) % this.#servers.length] as Server;
    return server.exchange(request, over);
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

/**
 * So many connections to one server. Waiting for one is the harness's delay, so it must show between intended and sent
 * time and not in the server's latency: undici's own queue would hide it.
 */
class Server {
  readonly limit: number;
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  /** Not an array: what is taken from the front of a long one moves all that is behind it. */
  readonly #turns = new Queue<() => void>();
  #free: number;

  constructor(url: URL, connections: number, timeoutMs: number) {
    this.#pool = new Pool(url.origin, { connections, pipelining: 1, keepAliveTimeout: 30_000 });
    this.#prefix = url.pathname.replace(/\/$/, '');
    this.#timeoutMs = timeoutMs;
    this.limit = connections;
    this.#free = connections;
  }

  get waiting(): number {
    return this.#turns.size;
  }

  async exchange(request: Sending, over: Over): Promise<Received> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#turns.enqueue(resolve));
    try {
      over.throwIfAborted();
      request.leaves();
      return await exchange(this.#pool, this.#optionsOf(request), over);
    } finally {
      const next = this.#turns.dequeue();
      if (next) next();
      else this.#free++;
    }
  }

  #optionsOf(request: Sending): Dispatcher.DispatchOptions {
    const { spec } = request;
    const timeout = spec.timeoutMs ?? this.#timeoutMs;
    return {
      path: `${this.#prefix}${spec.path}`,
      method: spec.method,
      headers: headersOf(request),
      body: spec.body === undefined ? null : JSON.stringify(spec.body),
      headersTimeout: timeout,
      bodyTimeout: timeout,
    };
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
