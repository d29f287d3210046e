import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

const CONNECT_MS = 10_000;
const QUERY_MS = 60_000;
/** A server that has vanished without closing its connections would keep a farewell waiting for as long as TCP does. */
const CLOSE_MS = 2_000;

export interface ConnectOptions {
  /** `application_name`: names beginning with `wt-harness` are the harness's own. */
  readonly name?: string;
  /** How long one query may take, milliseconds. */
  readonly queryMs?: number;
}

const sockets = new WeakMap<pg.Client, Socket>();

/** A connection that the caller closes with `disconnect`. One that breaks shows as a failing query. */
export async function connect(
  dsn: string,
  { name = 'wt-harness', queryMs = QUERY_MS }: ConnectOptions = {},
): Promise<pg.Client> {
  const socket = new Socket();
  const client = new pg.Client({
    connectionString: dsn,
    application_name: name,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: queryMs,
    // The server gives up, too: a statement that no client waits for would still hold its locks.
    statement_timeout: queryMs,
    stream: () => socket,
  });
  sockets.set(client, socket);
  // Without a listener a server that closes the connection between two queries would end this process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Never rejects, and takes at most two seconds: the server may have gone. */
export async function disconnect(client: pg.Client): Promise<void> {
  const timer = new AbortController();
  const late = sleep(CLOSE_MS, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([client.end().catch(() => undefined), late]);
  timer.abort();
  sockets.get(client)?.destroy();
}

/** A connection for as long as `use` takes. Rejects when the database cannot be reached, or as `use` does. */
export async function withClient<T>(dsn: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(dsn);
  try {
    return await use(client);
  } finally {
    await disconnect(client);
  }
}

/** A connection for repeated readings: after a query that failed, `drop` it, and the next `get` opens another. */
export class ReconnectingClient {
  readonly #dsn: string;
  readonly #options: ConnectOptions;
  #client: pg.Client | undefined;

  constructor(dsn: string, options: ConnectOptions) {
    this.#dsn = dsn;
    this.#options = options;
  }

  /** Rejects when the database cannot be reached at this moment. */
  async get(): Promise<pg.Client> {
    this.#client ??= await connect(this.#dsn, this.#options);
    return this.#client;
  }

  /** Never rejects. */
  async drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client) await disconnect(client);
  }
}
