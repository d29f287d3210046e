import { randomBytes } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

import pLimit, { type LimitFunction } from 'p-limit';
import { Pool } from 'undici';

import type { Over } from '../life/over.ts';
import {
  EXECUTION_API_VERSION,
  type OperationBook,
  type Received,
  type RequestSpec,
  Requests,
  type Transport,
} from '../life/requests.ts';
import type { Operation } from '../model/operation.ts';
import type { RunClock } from '../record/clock.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { exchange } from './exchange.ts';
import { count } from './tally.ts';
import type { Batch } from './thread-protocol.ts';

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
  #step = 1;
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
    const number = this.#next;
    this.#next += this.#step;
    return number;
  }

  /** Numbers that nobody else gives, for one of several threads. Before the first is taken here. */
  share(index: number, among: number): { readonly first: number; readonly step: number } {
    this.#step = among + 1;
    return { first: index + 2, step: this.#step };
  }

  sent(): void {
    this.totals.sent++;
    this.totals.inFlight++;
  }

  ended(row: Operation, status: number | null): void {
    const { totals } = this;
    totals.inFlight--;
    this.lastFailure = count(totals, row, status) ?? this.lastFailure;
    if (row.ended_ms !== null) this.latency.record(Math.max(1, Math.round(row.ended_ms - row.intended_ms)));
    this.#record.append('operations', row);
  }

  /** What a thread has recorded. */
  add({ lines, sent, ended, http409, http5xx, latencies, lastFailure }: Batch): void {
    const { totals } = this;
    totals.sent += sent;
    totals.ended += ended;
    totals.inFlight += sent - ended;
    totals.http409 += http409;
    totals.http5xx += http5xx;
    for (const ms of latencies) this.latency.record(Math.max(1, Math.round(ms)));
    this.lastFailure = lastFailure ?? this.lastFailure;
    if (lines !== '') this.#record.appendLines('operations', lines);
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

export interface ConnectionUse {
  readonly limit: number;
  readonly waiting: number;
}

interface Server {
  readonly pool: Pool;
  readonly prefix: string;
  readonly limit: LimitFunction;
}

class Pools implements Transport {
  readonly #timeoutMs: number;
  readonly #servers: readonly Server[];

  constructor(urls: readonly string[], connections: number, timeoutMs: number) {
    if (urls.length === 0) throw new Error('an API client needs at least one URL');
    this.#timeoutMs = timeoutMs;
    this.#servers = urls.map((text) => {
      const url = new URL(text);
      return {
        pool: new Pool(url.origin, { connections, pipelining: 1, keepAliveTimeout: 30_000 }),
        prefix: url.pathname.replace(/\/$/, ''),
        // Waiting for a connection is the harness's delay, so it must show between intended and sent time and not
        // in the server's latency: undici's own queue would hide it.
        limit: pLimit(connections),
      };
    });
  }

  get use(): ConnectionUse {
    const sum = (of: (limit: LimitFunction) => number) => this.#servers.reduce((all, { limit }) => all + of(limit), 0);
    return { limit: sum((one) => one.concurrency), waiting: sum((one) => one.pendingCount) };
  }

  exchange(spec: RequestSpec, correlationId: string, over: Over, sent: () => void): Promise<Received> {
    const { pool, prefix, limit } = this.#servers[(spec.subject.life ?? 0) % this.#servers.length] as Server;
    return limit(() => {
      over.throwIfAborted();
      sent();
      const timeout = spec.timeoutMs ?? this.#timeoutMs;
      return exchange(
        pool,
        {
          path: `${prefix}${spec.path}`,
          method: spec.method,
          headers: [
            'authorization',
            `Bearer ${spec.token}`,
            'airflow-api-version',
            EXECUTION_API_VERSION,
            'content-type',
            'application/json',
            'correlation-id',
            correlationId,
          ],
          body: spec.body === undefined ? null : JSON.stringify(spec.body),
          headersTimeout: timeout,
          bodyTimeout: timeout,
        },
        over,
      );
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map(({ pool }) => pool.destroy()));
  }
}
