import { gunzipSync, inflateSync } from 'node:zlib';
import { type Dispatcher, Pool } from 'undici';
import Queue from 'yocto-queue';

import type { CancelSignal } from '../worker/cancel.ts';
import type { Connection, HttpResponse, RequestSpec, Transport } from '../worker/requests.ts';
import type { ConnectionUse } from './engines/engine.ts';

/** Requests that this process sends, over so many connections to each of the servers. */
export class HttpTransport implements Transport {
  readonly #servers: readonly Server[];

  constructor(urls: readonly string[], connections: number, timeoutMs: number) {
    if (urls.length === 0) throw new Error('HttpTransport needs at least one URL');
    this.#servers = urls.map((url) => new Server(new URL(url), connections, timeoutMs));
  }

  get connections(): ConnectionUse {
    const sum = (of: (server: Server) => number) => this.#servers.reduce((all, server) => all + of(server), 0);
    return { limit: sum(({ limit }) => limit), waiting: sum(({ waiting }) => waiting) };
  }

  acquire(life: number | null): Connection | Promise<Connection> {
    return (this.#servers[(life ?? 0) % this.#servers.length] as Server).acquire();
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

/**
 * A fixed number of equal connections to one server. Requests that wait for a connection are queued here: in
 * undici's own queue their waiting would show as the server's latency.
 */
class Server implements Connection {
  readonly limit: number;
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  /** Not an array: removing the first element of a long one moves all others. */
  readonly #queue = new Queue<(server: Server) => void>();
  #free: number;

  constructor(url: URL, connections: number, timeoutMs: number) {
    this.#pool = new Pool(url.origin, { connections, pipelining: 1, keepAliveTimeout: 30_000 });
    this.#prefix = url.pathname.replace(/\/$/, '');
    this.#timeoutMs = timeoutMs;
    this.limit = connections;
    this.#free = connections;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  acquire(): Server | Promise<Server> {
    if (this.#free === 0) return new Promise((resolve) => this.#queue.enqueue(resolve));
    this.#free--;
    return this;
  }

  release(): void {
    const next = this.#queue.dequeue();
    if (next) next(this);
    else this.#free++;
  }

  /**
   * The response, read whole. It uses undici's `dispatch` and not its `request`: an answer of the Execution API is a
   * few hundred bytes or none, and a stream for each would cost more than the request.
   */
  request(spec: RequestSpec, headers: string[], cancel: CancelSignal): Promise<HttpResponse> {
    const timeout = spec.timeoutMs ?? this.#timeoutMs;
    const options: Dispatcher.DispatchOptions = {
      path: `${this.#prefix}${spec.path}`,
      method: spec.method,
      headers,
      body: spec.text ?? (spec.body === undefined ? null : JSON.stringify(spec.body)),
      headersTimeout: timeout,
      bodyTimeout: timeout,
    };
    return new Promise((resolve, reject) => {
      this.#pool.dispatch(options, new ResponseReader(resolve, reject, cancel));
    });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

/** A class: closures for each request would cost more than they do. Rejects with undici's error, or cancel's reason. */
class ResponseReader implements Dispatcher.DispatchHandler {
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #cancel: CancelSignal;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: HttpResponse['headers'] = {};
  #text: Buffer | undefined;

  constructor(resolve: (response: HttpResponse) => void, reject: (error: unknown) => void, cancel: CancelSignal) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#cancel = cancel;
    cancel.addEventListener('abort', this);
  }

  /** It was cancelled. */
  handleEvent(): void {
    const reason = this.#cancel.reason ?? new Error('cancelled');
    this.#reject(reason);
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#cancel.aborted) this.handleEvent();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: HttpResponse['headers']): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#text = this.#text ? Buffer.concat([this.#text, chunk]) : chunk;
  }

  onResponseEnd(): void {
    this.#cancel.removeEventListener('abort', this);
    try {
      if (this.#status === 0) throw new Error('a response without a status');
      const text = this.#text ? decoded(this.#text, this.#headers['content-encoding']) : '';
      this.#resolve({ status: this.#status, headers: this.#headers, text });
    } catch (error) {
      this.#reject(error);
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: unknown): void {
    this.#cancel.removeEventListener('abort', this);
    this.#reject(error);
  }
}

/** Airflow compresses what is longer than a kilobyte, if the client says that it can read that. */
function decoded(bytes: Buffer, encoding: string | string[] | undefined): string {
  if (encoding === 'gzip') return gunzipSync(bytes).toString('utf8');
  return (encoding === 'deflate' ? inflateSync(bytes) : bytes).toString('utf8');
}
