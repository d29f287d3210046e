import { type Clock, roundMs } from '../model/clock.ts';
import type { Operation, OperationKind, Outcome } from '../model/operation.ts';
import type { Rng } from '../model/rng.ts';
import { type CancelSignal, cancellableSleep } from './cancel.ts';

const MESSAGE_LENGTH = 300;
/** A server that asks for a longer pause than this is asked again sooner: the run would be over before. */
const LONGEST_ASKED_PAUSE_MS = 10_000;
/** Airflow's client: `[workers] execution_api_retry_wait_min` and `_max`. */
const [SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS] = [1_000, 90_000];

/** Who sends, and about what: the columns of `operations` that do not change from one request to the next. */
export type OperationSubject = Pick<
  Operation,
  'actor' | 'life' | 'worker' | 'dag_id' | 'run_id' | 'task_id' | 'map_index' | 'try_number' | 'ti_id'
>;

export interface RequestSpec {
  readonly subject: OperationSubject;
  readonly kind: OperationKind;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** The body as it is sent, where it is not ours to write: a real worker's. */
  readonly text?: string;
  readonly bearer: Bearer;
  readonly intendedMs: number;
  readonly requested?: string | undefined;
  readonly target?: string | undefined;
  readonly duplicateOf?: number | undefined;
  readonly op?: number | undefined;
  /** Send it, and behave as if its first answer never came. */
  readonly dropAnswer?: boolean | undefined;
  readonly timeoutMs?: number;
  /** What the answer names that the record should keep as `target`, such as a new backfill's id. */
  targetOf?(body: unknown): string | undefined;
}

/**
 * Who holds a token. Any answer may bring a new one, and the next sending has it, be it of the same request: Airflow's
 * client keeps one for all.
 */
export interface Bearer {
  token: string;
}

export interface Answer {
  readonly outcome: Outcome;
  readonly status: number | null;
  readonly reason: string | null;
  readonly body: unknown;
  /** When a 503 asks to be sent again; null where it does not say. */
  readonly retryAfterMs: number | null;
}

/** An HTTP response as it came: header names in lower case. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** How requests reach the server: what differs from engine to engine. */
export interface Transport {
  /**
   * A connection to the server of this life, or of an operator (null), once one is free: what is waited for here is the
   * harness's delay, not the server's.
   */
  acquire(life: number | null): Connection | Promise<Connection>;
}

/** One request at a time. */
export interface Connection {
  /** Rejects where no response came; an error's `code` then says why. `headers` are names and values in turn. */
  request(spec: RequestSpec, headers: string[], cancel: CancelSignal): Promise<HttpResponse>;
  /** Called once, when the request has ended. */
  release(): void;
}

/** Numbers the requests of a run and takes a row of each. */
export interface OperationLog {
  /** With a request's number it makes the id by which the server's log names that request. */
  readonly correlation: string;
  takeNumber(): number;
  /** A request leaves. */
  sent(): void;
  /** It has ended. `status` is what the server answered, also where that answer is then dropped. */
  recordOperation(row: Operation, status: number | null): void;
}

export interface RequestsOptions {
  readonly transport: Transport;
  /** Sendings of one request in all. */
  readonly attempts: number;
  /** Waits as long as a 503 asks for. Airflow's own client does not read that. */
  readonly honoursRetryAfter?: boolean | undefined;
  /** Of each request, names and values in turn, in addition to those that differ from request to request. */
  readonly headers?: readonly string[] | undefined;
  readonly clock: Clock;
  readonly operationLog: OperationLog;
}

/**
 * Sends requests as Airflow's own client does and records each one. A time-out, a lost connection and a 5xx are
 * retried after growing pauses, or after the one that a 503 asks for if the options say so; a 4xx never.
 */
export class Requests {
  readonly #options: RequestsOptions;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /** For a request that another names as the one it duplicates before it is sent: to be given as its `op`. */
  takeNumber(): number {
    return this.#options.operationLog.takeNumber();
  }

  /**
   * The request with its retries. Resolves with the last answer; rejects only when the run is cancelled. `before`: how
   * often it was sent before.
   */
  async send(spec: RequestSpec, rng: Rng, cancel: CancelSignal, before = 0): Promise<Answer> {
    const { attempts, clock, honoursRetryAfter } = this.#options;
    let answer = await this.sendOnce(spec, cancel, before + 1);
    for (let attempt = 2; answer.outcome === 'unknown' && attempt <= attempts; attempt++) {
      // tenacity's `wait_random_exponential`: 1 s, then at random up to 2 s, 4 s, 8 s.
      const longest = Math.min(SHORTEST_PAUSE_MS * 2 ** (attempt - 2), LONGEST_PAUSE_MS);
      const pauseMs = rng.between(SHORTEST_PAUSE_MS, longest);
      const askedMs = honoursRetryAfter ? answer.retryAfterMs : null;
      await cancellableSleep(askedMs ?? pauseMs, cancel);
      answer = await this.sendOnce({ ...spec, intendedMs: clock.now(), dropAnswer: false }, cancel, before + attempt);
    }
    return answer;
  }

  /** Request, transport, answer, row: all that happens to one sending. */
  async sendOnce(spec: RequestSpec, cancel: CancelSignal, attempt = 1): Promise<Answer> {
    const { clock, operationLog, transport } = this.#options;
    const { subject } = spec;
    cancel.throwIfAborted();
    const op = attempt === 1 && spec.op !== undefined ? spec.op : operationLog.takeNumber();
    const correlationId = `${operationLog.correlation}-${op}`;
    const connection = await transport.acquire(subject.life);
    try {
      // Nothing left: the run was cancelled while it waited for a connection.
      cancel.throwIfAborted();
      const sentMs = clock.now();
      operationLog.sent();
      const received = await connection
        .request(spec, this.#headersOf(spec, correlationId), cancel)
        .then(readResponse, (error: unknown) => withoutResponse(cancel.aborted ? 'run-ended' : causeOf(error)));
      const dropped = spec.dropAnswer === true && received.answer.outcome !== 'unknown';
      // What the client makes of it.
      const answer = dropped ? noAnswer() : received.answer;
      if (received.refreshedToken !== null && !dropped) spec.bearer.token = received.refreshedToken;
      // In the order of the table's columns, one by one: spread, it would take as long as all the rest.
      const row: Operation = {
        op,
        actor: subject.actor,
        life: subject.life,
        worker: subject.worker,
        kind: spec.kind,
        dag_id: subject.dag_id,
        run_id: subject.run_id,
        task_id: subject.task_id,
        map_index: subject.map_index,
        try_number: subject.try_number,
        ti_id: subject.ti_id,
        target: spec.target ?? spec.targetOf?.(answer.body) ?? null,
        attempt,
        duplicate_of: spec.duplicateOf ?? null,
        intended_ms: roundMs(spec.intendedMs),
        sent_ms: roundMs(sentMs),
        ended_ms: received.cause === 'run-ended' ? null : roundMs(clock.now() + (clock.tickMs ?? 0)),
        outcome: answer.outcome,
        status: answer.status,
        reason: answer.reason,
        found_state: detailText(answer.body, 'previous_state') ?? detailText(answer.body, 'current_state'),
        requested: spec.requested ?? null,
        message: answer.outcome === 'ok' || dropped ? null : messageIn(answer.body, received.text),
        cause: dropped ? 'answer-dropped' : received.cause,
        correlation_id: correlationId,
        retry_after: received.retryAfter,
      };
      operationLog.recordOperation(row, received.answer.status);
      return answer;
    } finally {
      connection.release();
    }
  }

  /** Names and values in turn, as undici takes them. */
  #headersOf({ bearer, body }: RequestSpec, correlationId: string): string[] {
    const headers = ['authorization', `Bearer ${bearer.token}`, 'correlation-id', correlationId];
    if (body !== undefined) headers.push('content-type', 'application/json');
    const { headers: others } = this.#options;
    if (others !== undefined) headers.push(...others);
    return headers;
  }
}

/** What came back of one sending. */
interface Received {
  readonly answer: Answer;
  /** Why there is no response. */
  readonly cause: string | null;
  readonly text: string;
  readonly retryAfter: boolean | null;
  readonly refreshedToken: string | null;
}

/** Nothing is known of a request without a response: it may have committed. */
function withoutResponse(cause: string): Received {
  return { answer: noAnswer(), cause, text: '', retryAfter: null, refreshedToken: null };
}

function noAnswer(): Answer {
  return { outcome: 'unknown', status: null, reason: null, body: null, retryAfterMs: null };
}

function readResponse({ status, text, headers }: HttpResponse): Received {
  let body: unknown = null;
  try {
    body = text === '' ? null : JSON.parse(text);
  } catch {
    body = null; // Not JSON: the text itself goes into the record.
  }
  const refreshed = headers['refreshed-api-token'];
  const answer: Answer = {
    outcome: status >= 200 && status < 300 ? 'ok' : status >= 400 && status < 500 ? 'refused' : 'unknown',
    status,
    reason: detailText(body, 'reason'),
    body,
    retryAfterMs: status === 503 ? pauseAskedFor(headers['retry-after']) : null,
  };
  return {
    answer,
    cause: null,
    text,
    retryAfter: 'retry-after' in headers,
    refreshedToken: typeof refreshed === 'string' ? refreshed : null,
  };
}

/** Retry-After in seconds; the other form, a date, is for proxies that Airflow does not have. */
function pauseAskedFor(header: string | string[] | undefined): number | null {
  if (typeof header !== 'string' || !/^\d+$/.test(header.trim())) return null;
  return Math.min(Number(header) * 1_000, LONGEST_ASKED_PAUSE_MS);
}

function detailText(body: unknown, key: string): string | null {
  if (typeof body !== 'object' || body === null || !('detail' in body)) return null;
  const detail = body.detail;
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail)) return null;
  const value = (detail as Record<string, unknown>)[key];
  return typeof value === 'string' ? value : null;
}

function messageIn(body: unknown, text: string): string | null {
  const own = detailText(body, 'message');
  if (own) return own.slice(0, MESSAGE_LENGTH);
  if (typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string') {
    return body.detail.slice(0, MESSAGE_LENGTH);
  }
  return text === '' ? null : text.slice(0, MESSAGE_LENGTH);
}

function causeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
