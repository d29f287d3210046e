import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Clock } from '../../../model/clock.ts';
import type { CancelSignal } from '../../../worker/cancel.ts';
import { cancellableSleep } from '../../../worker/cancel.ts';
import {
  type Answer,
  type Connection,
  type HttpResponse,
  type OperationLog,
  type OperationSubject,
  type RequestSpec,
  Requests,
  type Transport,
} from '../../../worker/requests.ts';
import { type PassedRequest, passedRequest } from './passed-request.ts';

/** Of one connection, or of the way to the server: the proxy sets its own. */
const NOT_PASSED =
  /^(host|connection|keep-alive|content-length|transfer-encoding|accept-encoding|authorization|correlation-id)$/;
const LONGEST_BODY = 8 * 2 ** 20;

/** Whom a real worker's requests are of, and who wants to know of them. */
export interface PassedLife {
  readonly subject: OperationSubject;
  readonly cancel: CancelSignal;
  /** Before it is sent on: how long it is held up, and whether its answer gets lost, as a fault wants. */
  before(request: PassedRequest, attempt: number): Promise<{ readonly heldMs: number; readonly dropAnswer: boolean }>;
  /** `text`: the body of the request. */
  after(request: PassedRequest, answer: Answer, text: string): void;
}

/**
 * Stands between real workers and the API server, and records what passes as it does for a simulated life. Bodies and
 * headers pass as they are, but for the correlation id: with the one of the record, the server's log names its rows.
 */
export class RecordingProxy {
  readonly #server: Server;
  readonly #requests: Requests;
  readonly #clock: Clock;
  readonly #lives = new Map<number, ServedLife>();
  readonly #fail: (error: Error) => void;
  /** What is under way, by the specification that the transport gets. */
  readonly #passing: WeakMap<RequestSpec, Passing>;

  private constructor(
    server: Server,
    requests: Requests,
    { clock, fail }: Pick<ProxyOptions, 'clock' | 'fail'>,
    passing: WeakMap<RequestSpec, Passing>,
  ) {
    this.#server = server;
    this.#requests = requests;
    this.#clock = clock;
    this.#fail = fail;
    this.#passing = passing;
  }

  static async open({ transport, operationLog, clock, fail }: ProxyOptions): Promise<RecordingProxy> {
    const passing = new WeakMap<RequestSpec, Passing>();
    const requests = new Requests({
      transport: { acquire: (life) => acquirePassing(transport, life, passing) },
      attempts: 1,
      clock,
      operationLog,
    });
    const server = createServer();
    const proxy = new RecordingProxy(server, requests, { clock, fail }, passing);
    server.on('request', (request, response) => void proxy.#pass(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** What the worker of this life takes for the Execution API. */
  urlOf(life: number): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${life}/execution/`;
  }

  begin(life: number, passed: PassedLife): void {
    this.#lives.set(life, { passed, sendings: new Map() });
  }

  end(life: number): void {
    this.#lives.delete(life);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    // A worker that is killed leaves its request unfinished.
    incoming.on('error', () => undefined);
    response.on('error', () => undefined);
    const [, id = '', route = ''] = /^\/(\d+)\/execution(\/.*)$/.exec(incoming.url ?? '') ?? [];
    const life = this.#lives.get(Number(id));
    if (!life) {
      response.writeHead(404).end();
      return;
    }
    try {
      const intendedMs = this.#clock.now();
      const text = await bodyOf(incoming);
      const answered = await this.#send(life, incoming, { route, text, intendedMs });
      if (answered) response.writeHead(answered.status, passedOn(answered.headers)).end(answered.text);
      else response.destroy();
    } catch (error) {
      // Where the run or the worker has ended, no answer is waited for.
      const isAwaited = !life.passed.cancel.aborted && !incoming.socket.destroyed;
      response.destroy();
      if (isAwaited) this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** What the worker is answered; undefined: nothing. */
  async #send(
    { passed: life, sendings }: ServedLife,
    incoming: IncomingMessage,
    { route, text, intendedMs }: { readonly route: string; readonly text: string; readonly intendedMs: number },
  ): Promise<HttpResponse | undefined> {
    const method = incoming.method as RequestSpec['method'];
    const [path = ''] = route.split('?');
    const passed = passedRequest(method, path, text);
    const sending = sendingOf(sendings, `${method} ${route} ${text}`);
    const { heldMs, dropAnswer } = await life.before(passed, sending.attempt);
    if (heldMs > 0) await cancellableSleep(heldMs, life.cancel);
    const spec: RequestSpec = {
      subject: life.subject,
      ...passed,
      method,
      path: route,
      bearer: { token: (incoming.headers.authorization ?? '').replace(/^Bearer /i, '') },
      intendedMs,
      dropAnswer,
    };
    const passing: Passing = { text, headers: incoming.headers, response: undefined };
    this.#passing.set(spec, passing);
    const answer = await this.#requests.sendOnce(spec, life.cancel, sending.attempt);
    sending.isOver = answer.outcome !== 'unknown';
    life.after(passed, answer, text);
    return dropAnswer ? undefined : passing.response;
  }
}

export interface ProxyOptions {
  readonly transport: Transport;
  readonly operationLog: OperationLog;
  readonly clock: Clock;
  /** Called for an error of the harness. */
  fail(error: Error): void;
}

interface ServedLife {
  readonly passed: PassedLife;
  readonly sendings: Map<string, Sending>;
}

interface Passing {
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
  response: HttpResponse | undefined;
}

/** The sendings of one request so far: the client's retry is a request that is equal to one without an answer. */
interface Sending {
  attempt: number;
  isOver: boolean;
}

function sendingOf(sendings: Map<string, Sending>, request: string): Sending {
  const earlier = sendings.get(request);
  if (earlier && !earlier.isOver) {
    earlier.attempt++;
    return earlier;
  }
  const first = { attempt: 1, isOver: false };
  sendings.set(request, first);
  return first;
}

async function acquirePassing(
  transport: Transport,
  life: number | null,
  passing: WeakMap<RequestSpec, Passing>,
): Promise<Connection> {
  const connection = await transport.acquire(life);
  return {
    async request(spec, own, cancel) {
      const passed = passing.get(spec);
      if (!passed) throw new Error('a request that no worker has sent');
      const headers = Object.entries(passed.headers).flatMap(([name, value]) =>
        NOT_PASSED.test(name) || value === undefined ? [] : [name, String(value)],
      );
      for (const name of ['authorization', 'correlation-id']) headers.push(name, own[own.indexOf(name) + 1] ?? '');
      const asSent = { ...spec, ...(passed.text === '' ? {} : { text: passed.text }) };
      passed.response = await connection.request(asSent, headers, cancel);
      return passed.response;
    },
    release: () => connection.release(),
  };
}

function passedOn(headers: HttpResponse['headers']): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      NOT_PASSED.test(name) || value === undefined ? [] : [[name, value] as const],
    ),
  );
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LONGEST_BODY) throw new Error(`a body of more than ${LONGEST_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
