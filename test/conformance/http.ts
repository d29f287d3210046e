import { Pool } from 'undici';

/** Creating a backfill's runs takes seconds on two busy cores; nothing here takes longer. */
const DEADLINE_MS = 60_000;
const CONNECTIONS = 16;

/** One request of a dialogue, before ids and tokens are known to differ between stacks. */
export interface Request {
  /** Names the kind of request in observations and differences. */
  readonly route: string;
  readonly api: 'execution' | 'public';
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Sent as JSON; a `raw` body is sent as it is. */
  readonly body?: unknown;
  readonly raw?: string;
  /** Null: no Authorization header. */
  readonly token: string | null;
  /** Null takes a header away that is sent otherwise. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Fields of a 2xx body that are compared; without it all of them. Public answers differ in what does not matter. */
  readonly show?: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed if it is JSON, else the text; undefined when empty. */
  readonly body: unknown;
}

/** The oldest version of the protocol that all releases under test know: newer servers convert. */
const VERSION = '2025-11-05';

export class Http {
  readonly #execution: { readonly pool: Pool; readonly prefix: string };
  readonly #public: { readonly pool: Pool; readonly prefix: string };

  constructor(executionUrl: string, publicUrl: string) {
    this.#execution = open(executionUrl);
    this.#public = open(publicUrl);
  }

  async send(request: Request): Promise<Answer> {
    const { pool, prefix } = request.api === 'execution' ? this.#execution : this.#public;
    const headers: Record<string, string | null> = {
      'content-type': 'application/json',
      ...(request.api === 'execution' ? { 'airflow-api-version': VERSION } : {}),
      authorization: request.token === null ? null : `Bearer ${request.token}`,
      ...request.headers,
    };
    const body = request.raw ?? (request.body === undefined ? null : JSON.stringify(request.body));
    const answer = await pool.request({
      path: `${prefix}${request.path}`,
      method: request.method,
      headers: Object.fromEntries(Object.entries(headers).filter((pair): pair is [string, string] => pair[1] !== null)),
      body,
      // A connection each: a server that answers 500 closes its own, and the next request would meet that.
      reset: true,
      headersTimeout: DEADLINE_MS,
      bodyTimeout: DEADLINE_MS,
    });
    return { status: answer.statusCode, headers: answer.headers, body: parsed(await answer.body.text()) };
  }

  async close(): Promise<void> {
    await Promise.all([this.#execution.pool.destroy(), this.#public.pool.destroy()]);
  }
}

function open(text: string): { readonly pool: Pool; readonly prefix: string } {
  const url = new URL(text);
  return {
    pool: new Pool(url.origin, { connections: CONNECTIONS, connectTimeout: 10_000 }),
    prefix: url.pathname.replace(/\/$/, ''),
  };
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text; // An error page: the text is what there is to compare.
  }
}
