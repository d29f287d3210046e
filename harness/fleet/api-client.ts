import { randomUUID } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import pLimit, { type LimitFunction } from 'p-limit';
import { Pool } from 'undici';

import type { Operation, OperationKind, Outcome } from '../model/operation.ts';
import type { Rng } from '../model/rng.ts';
import { type RunClock, roundMs } from '../record/clock.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { exchange } from './exchange.ts';

const MESSAGE_LENGTH = 300;
/** A server that asks for a longer pause than this is asked again sooner: the run would be over before. */
const LONGEST_PAUSE_MS = 10_000;
/** The Task SDK of the oldest release under test (3.1) sends this; later servers convert. */
export const EXECUTION_API_VERSION = '2025-11-05';

/** Who sends, and about what: the columns of `operations` that do not change from one request to the next. */
export type Subject = Pick<
  Operation,
  'actor' | 'life' | 'worker' | 'dag_id' | 'run_id' | 'task_id' | 'map_index' | 'try_number' | 'ti_id'
>;

export interface RequestSpec {
  readonly subject: Subject;
  readonly kind: OperationKind;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly token: string;
  readonly intendedMs: number;
  readonly requested?: string;
  readonly target?: string;
  readonly twin?: number;
  readonly op?: number;
  /** Send it, and behave as if its first answer never came. */
  readonly dropAnswer?: boolean;
  readonly timeoutMs?: number;
  /** What the answer names that the record should keep as `target`, such as a new backfill's id. */
  targetOf?(body: unknown): string | undefined;
}

export interface Answer {
  readonly outcome: Outcome;
  readonly status: number | null;
  readonly reason: string | null;
  readonly body: unknown;
  readonly refreshedToken: string | null;
  /** When a 503 asks to be sent again; null where it does not say. */
  readonly retryAfterMs: number | null;
}

export interface ApiClientOptions {
  readonly urls: readonly string[];
  readonly connections: number;
  readonly timeoutMs: number;
  /** Sendings of one request in all. */
  readonly retries: number;
  readonly record: RunFolder;
  readonly clock: RunClock;
  readonly numbers: OperationNumbers;
}

/** Numbers the requests of one run, and keeps the totals that the live line and the reconciliation read. */
export class OperationNumbers {
  #next = 1;
  readonly totals = { sent: 0, ended: 0, inFlight: 0, http409: 0, http5xx: 0 };
  /** Milliseconds from the intended start, since whoever watches the run looked last. */
  readonly latency: RecordableHistogram = createHistogram();
  /** The latest answer that a client of Airflow should never see. */
  lastFailure: string | undefined;

  take(): number {
    return this.#next++;
  }

  count(status: number | null): void {
    this.totals.ended++;
    if (status === 409) this.totals.http409++;
    if (status !== null && status >= 500) this.totals.http5xx++;
  }
}

/**
 * Sends requests as Airflow's own client does and records each one. A time-out, a lost connection and a 5xx are
 * retried, after the pause that a 503 asks for or after growing ones; a 4xx never.
 */
export class ApiClient {
  readonly #options: ApiClientOptions;
  readonly #pools: readonly { readonly pool: Pool; readonly prefix: string; readonly limit: LimitFunction }[];

  constructor(options: ApiClientOptions) {
    this.#options = options;
    this.#pools = options.urls.map((text) => {
      const url = new URL(text);
      return {
        pool: new Pool(url.origin, { connections: options.connections, pipelining: 1, keepAliveTimeout: 30_000 }),
        prefix: url.pathname.replace(/\/$/, ''),
        // Waiting for a connection is the harness's delay, so it must show between intended and sent time and not
        // in the server's latency: undici's own queue would hide it.
        limit: pLimit(options.connections),
      };
    });
  }

  /** The request with its retries. Resolves with the last answer; rejects only when the run is over. */
  async send(spec: RequestSpec, rng: Rng, signal: AbortSignal): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const intendedMs = attempt === 1 ? spec.intendedMs : this.#options.clock.now();
      const answer = await this.sendOnce(
        { ...spec, intendedMs, dropAnswer: spec.dropAnswer === true && attempt === 1 },
        attempt,
        signal,
      );
      if (answer.outcome !== 'unknown' || attempt >= this.#options.retries) return answer;
      // The real client waits between 1 and 90 s, growing at random; a run of a minute cannot wait for the upper end.
      const pauseMs = rng.between(1_000, Math.min(1_000 * 2 ** attempt, LONGEST_PAUSE_MS));
      await sleep(answer.retryAfterMs ?? pauseMs, undefined, { signal });
    }
  }

  async sendOnce(spec: RequestSpec, attempt: number, signal: AbortSignal): Promise<Answer> {
    const { clock, numbers } = this.#options;
    const server = this.#pools[(spec.subject.life ?? 0) % this.#pools.length];
    if (!server) throw new Error('an API client needs at least one URL');
    return server.limit(async () => {
      signal.throwIfAborted();
      const op = attempt === 1 && spec.op !== undefined ? spec.op : numbers.take();
      const correlationId = randomUUID();
      const sentMs = clock.now();
      numbers.totals.sent++;
      numbers.totals.inFlight++;
      const got = await this.#exchange(server.pool, server.prefix, spec, correlationId, signal);
      numbers.totals.inFlight--;
      const answer = spec.dropAnswer && got.answer.outcome !== 'unknown' ? noAnswer() : got.answer;
      numbers.count(got.answer.status);
      numbers.latency.record(Math.max(1, Math.round(clock.now() - spec.intendedMs)));
      if (got.answer.status !== null && got.answer.status >= 500) {
        numbers.lastFailure = `${got.answer.status} to ${spec.kind} of ${spec.subject.task_id ?? spec.subject.dag_id ?? 'it'}`;
      }
      this.#options.record.append('operations', this.#row(spec, { op, attempt, sentMs, correlationId, answer, got }));
      return answer;
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map(({ pool }) => pool.destroy()));
  }

  async #exchange(
    pool: Pool,
    prefix: string,
    spec: RequestSpec,
    correlationId: string,
    signal: AbortSignal,
  ): Promise<Exchange> {
    const timeout = spec.timeoutMs ?? this.#options.timeoutMs;
    try {
      const { status, headers, text } = await exchange(
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
        signal,
      );
      return { answer: readAnswer(status, text, headers), cause: null, text, retryAfter: 'retry-after' in headers };
    } catch (error) {
      // Nothing is known of a request without an answer: it may have committed.
      return { answer: noAnswer(), cause: signal.aborted ? 'run-ended' : causeOf(error), text: '', retryAfter: null };
    }
  }

  #row(spec: RequestSpec, sent: Sent): Operation {
    const { answer, got } = sent;
    const dropped = answer !== got.answer;
    return {
      op: sent.op,
      ...spec.subject,
      kind: spec.kind,
      target: spec.target ?? spec.targetOf?.(answer.body) ?? null,
      attempt: sent.attempt,
      twin: spec.twin ?? null,
      intended_ms: roundMs(spec.intendedMs),
      sent_ms: roundMs(sent.sentMs),
      ended_ms: got.cause === 'run-ended' ? null : roundMs(this.#options.clock.now()),
      outcome: answer.outcome,
      status: answer.status,
      reason: answer.reason,
      found_state: detailText(answer.body, 'previous_state') ?? detailText(answer.body, 'current_state'),
      requested: spec.requested ?? null,
      message: answer.outcome === 'ok' || dropped ? null : messageIn(answer.body, got.text),
      cause: dropped ? 'answer-dropped' : got.cause,
      correlation_id: sent.correlationId,
      retry_after: got.retryAfter,
    };
  }
}

interface Exchange {
  readonly answer: Answer;
  readonly cause: string | null;
  readonly text: string;
  readonly retryAfter: boolean | null;
}

interface Sent {
  readonly op: number;
  readonly attempt: number;
  readonly sentMs: number;
  readonly correlationId: string;
  readonly answer: Answer;
  readonly got: Exchange;
}

function noAnswer(): Answer {
  return { outcome: 'unknown', status: null, reason: null, body: null, refreshedToken: null, retryAfterMs: null };
}

function readAnswer(status: number, text: string, headers: Record<string, string | string[] | undefined>): Answer {
  let body: unknown = null;
  try {
    body = text === '' ? null : JSON.parse(text);
  } catch {
    body = null; // Not JSON: the text itself goes into the record.
  }
  const refreshed = headers['refreshed-api-token'];
  return {
    outcome: status >= 200 && status < 300 ? 'ok' : status >= 400 && status < 500 ? 'refused' : 'unknown',
    status,
    reason: detailText(body, 'reason'),
    body,
    refreshedToken: typeof refreshed === 'string' ? refreshed : null,
    retryAfterMs: status === 503 ? pauseAskedFor(headers['retry-after']) : null,
  };
}

/** Retry-After in seconds; the other form, a date, is for proxies that Airflow does not have. */
function pauseAskedFor(header: string | string[] | undefined): number | null {
  if (typeof header !== 'string' || !/^\d+$/.test(header.trim())) return null;
  return Math.min(Number(header) * 1_000, LONGEST_PAUSE_MS);
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
