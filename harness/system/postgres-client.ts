import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { StackError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';

const CONNECT_MS = 10_000;
const QUERY_MS = 60_000;
/** How long a transaction of the harness may be idle before the server ends it. */
const IDLE_MS = 60_000;
/** The server finds out within a minute that this machine has vanished. Over a Unix socket it has no effect. */
const KEEPALIVES = '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3';
/** A server that has vanished without closing its connections would keep a farewell waiting for as long as TCP does. */
const CLOSE_MS = 2_000;
/** A database that needs longer for a connection and a query is of no use. */
const ANSWER_MS = 5_000;
const AGAIN_MS = 100;

/** A SQLSTATE. */
export const TOO_MANY_CONNECTIONS = '53300';

export interface ConnectOptions {
  /** `application_name`: names beginning with `wt-harness` are the harness's own. */
  readonly name?: string;
  /** How long one query may take, milliseconds. */
  readonly queryMs?: number;
  /** How long connecting may take, milliseconds. */
  readonly connectMs?: number;
  /** How long a transaction may be idle, milliseconds. */
  readonly idleMs?: number;
}

/** The database cannot be reached, or has stopped answering. The message says why, for the end of a sentence. */
export class DatabaseAwayError extends StackError {
  /** Of the driver or the server: `ECONNREFUSED`, `57P03`. */
  readonly code: string | undefined;

  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.code = isRecord(cause) && typeof cause.code === 'string' ? cause.code : undefined;
  }
}

/**
 * Classes of SQLSTATE: connections, resources (a full disk, too many clients), an operator's intervention (a shutdown,
 * a time-out), system errors; and the end of an idle transaction.
 */
const AWAY = /^(08|53|57|58|25P0[34])/;
/** What the driver says, which names neither the database nor the time. */
const DRIVER: Readonly<Record<string, (limits: Required<ConnectOptions>) => string>> = {
  'timeout expired': ({ connectMs }) => `the database did not answer within ${connectMs / 1000} s`,
  'Query read timeout': ({ queryMs }) => `the database did not answer a query within ${queryMs / 1000} s`,
  'Connection terminated unexpectedly': () => 'the database has closed the connection',
  'Connection terminated': () => 'the connection to the database broke',
  'Client has encountered a connection error and is not queryable': () => 'the connection to the database broke',
};

/** The error of a connection or a query: a DatabaseAwayError if the database is away, else as it is. */
export function databaseError(error: unknown, options: ConnectOptions = {}): unknown {
  const limits = withDefaults(options);
  if (!(error instanceof Error) || error instanceof StackError) return error;
  const said = DRIVER[error.message];
  if (said) return new DatabaseAwayError(said(limits), error);
  if (error instanceof pg.DatabaseError)
    return AWAY.test(error.code ?? '') ? new DatabaseAwayError(`the database says: ${error.message}`, error) : error;
  if (!('syscall' in error)) return error;
  return new DatabaseAwayError(`the database cannot be reached: ${error.message}`, error);
}

const sockets = new WeakMap<pg.Client, Socket>();

function withDefaults(options: ConnectOptions): Required<ConnectOptions> {
  return { name: 'wt-harness', queryMs: QUERY_MS, connectMs: CONNECT_MS, idleMs: IDLE_MS, ...options };
}

/**
 * A connection that the caller closes with `disconnect`. One that breaks shows as a failing query. Rejects with a
 * DatabaseAwayError, or as the server refuses it.
 */
export async function connect(dsn: string, options: ConnectOptions = {}): Promise<pg.Client> {
  const limits = withDefaults(options);
  const socket = new Socket();
  const client = new pg.Client({
    connectionString: dsn,
    application_name: limits.name,
    connectionTimeoutMillis: limits.connectMs,
    query_timeout: limits.queryMs,
    // The server gives up, too: a statement that no client waits for would still hold its locks.
    statement_timeout: limits.queryMs,
    idle_in_transaction_session_timeout: limits.idleMs,
    options: KEEPALIVES,
    keepAlive: true,
    stream: () => socket,
  });
  sockets.set(client, socket);
  // Without a listener a server that closes the connection between two queries would end this process.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    socket.destroy();
    throw databaseError(error, limits);
  }
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

export interface UseOptions extends ConnectOptions {
  /** How long all of it may take, milliseconds: many queries, each in time, may take for ever. */
  readonly allMs?: number;
}

/**
 * A connection for as long as `use` takes. Rejects with a DatabaseAwayError when the database cannot be reached or
 * stops answering, else as `use` does.
 */
export async function withClient<T>(
  dsn: string,
  use: (client: pg.Client) => Promise<T>,
  { allMs, ...options }: UseOptions = {},
): Promise<T> {
  const client = await connect(dsn, options);
  let isLate = false;
  const end = () => {
    isLate = true;
    sockets.get(client)?.destroy();
  };
  const timer = allMs === undefined ? undefined : setTimeout(end, allMs);
  try {
    return await use(client);
  } catch (error) {
    if (isLate) throw new DatabaseAwayError(`the database was not done within ${(allMs ?? 0) / 1000} s`, error);
    throw databaseError(error, options);
  } finally {
    clearTimeout(timer);
    await disconnect(client);
  }
}

/** Asks again and again until the database answers. Rejects if it does not within so many milliseconds. */
export async function untilItAnswers(dsn: string, withinMs: number): Promise<void> {
  for (const deadline = performance.now() + withinMs; ; await sleep(AGAIN_MS)) {
    const connectMs = ANSWER_MS;
    try {
      return await withClient(dsn, async (client) => void (await client.query('SELECT 1')), {
        connectMs,
        queryMs: ANSWER_MS,
      });
    } catch (error) {
      if (performance.now() + AGAIN_MS >= deadline) throw error; // Not up yet, or too slow.
    }
  }
}

/** A connection for repeated readings: after a query that failed, `drop` it, and the next `get` opens another. */
export class ReconnectingClient {
  readonly #dsn: string;
  readonly #options: ConnectOptions;
  #client: Promise<pg.Client> | undefined;

  constructor(dsn: string, options: ConnectOptions) {
    this.#dsn = dsn;
    this.#options = options;
  }

  /** Rejects when the database cannot be reached at this moment. */
  get(): Promise<pg.Client> {
    if (this.#client) return this.#client;
    // One for all who ask at the same time: of two, one would never be closed, and keep the process alive.
    const opening = connect(this.#dsn, this.#options);
    this.#client = opening;
    opening.catch(() => {
      if (this.#client === opening) this.#client = undefined;
    });
    return opening;
  }

  /** Never rejects. */
  async drop(): Promise<void> {
    const opening = this.#client;
    this.#client = undefined;
    const client = await opening?.catch(() => undefined);
    if (client) await disconnect(client);
  }
}
