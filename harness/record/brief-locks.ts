import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

/**
 * How long a statement of the harness waits for the lock of a live table. A query that comes after it waits as long,
 * also one that could have read beside those that hold the table now.
 */
const SLICE_MS = 50;
/** Then the server ends the statement, and takes back what it did: no table is held longer, however slow it is. */
const STATEMENT_MS = 200;
/** Between two looks at who holds the tables. They take no lock of a table. */
const LOOK_MS = 50;
/** How long a free moment is looked for before a statement waits: it grows, because what is still held is held long. */
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 5_000;
/** After a wait in vain nothing is tried, so that a query which it stopped does not meet the next at another table. */
const REST_MS = 250;
/** A transaction that is this old is not expected to end within a slice. */
const LONG_MS = 200;

/** The lock could not be had in time, was given up to break a deadlock, or the statement took too long. */
const RETRYABLE = new Set(['55P03', '40P01', '57014']);

/** A statement that locks one table. */
export interface TableStatement {
  /** As `regclass` reads it. */
  readonly table: string;
  readonly sql: string;
  /** Whom the lock keeps out: VACUUM and changes of the table; also those that write; also those that only read. */
  readonly excludes: 'changes' | 'writers' | 'readers too';
}

export interface Patience {
  readonly ms: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs each statement in a transaction of its own, so that one table is locked at a time, and for as long as one
 * message takes the server. It is run when the table is free. Where there is no such moment it waits, but never long
 * and never while a long transaction has the table: a wait keeps out every query that comes later. Returns the error of
 * each statement that could not be carried out.
 */
export async function runBriefly(
  client: pg.Client,
  statements: readonly TableStatement[],
  { ms, signal }: Patience,
): Promise<Map<TableStatement, Error>> {
  const failed = new Map<TableStatement, Error>();
  const deadline = performance.now() + ms;
  let pauseMs = FIRST_PAUSE_MS;
  let mayWaitFrom = performance.now() + Math.min(pauseMs, ms);
  for (let rest = statements; rest.length > 0; ) {
    signal?.throwIfAborted();
    const mayWait = performance.now() >= mayWaitFrom;
    const holders = await holdersOf(client, rest);
    const next =
      rest.find((one) => !holders.has(one)) ?? rest.find((one) => mayWait && holders.get(one)?.isLong === false);
    const error = next && (await attempt(client, next));
    if (next && !(error && RETRYABLE.has(error.code ?? ''))) {
      rest = rest.filter((one) => one !== next);
      if (error) failed.set(next, error);
      else failed.delete(next);
      continue;
    }
    if (next && error) {
      failed.set(next, error);
      rest = [...rest.filter((one) => one !== next), next];
      pauseMs = Math.min(LAST_PAUSE_MS, pauseMs * 1.6);
      mayWaitFrom = performance.now() + REST_MS + pauseMs;
    } else
      for (const [one, { holder }] of holders) failed.set(one, new Error(`${holder} holds the table ${one.table}`));
    if (performance.now() > deadline) break;
    await sleep(next ? REST_MS : LOOK_MS, undefined, { signal });
  }
  return failed;
}

/** One message is one transaction: what it sets ends with it, and its lock is not held while this side thinks. */
async function attempt(client: pg.Client, { sql }: TableStatement): Promise<pg.DatabaseError | undefined> {
  // A lock is held until its transaction is on disk, and with a synchronous standby also there, unless that is said not
  // to matter. What follows is durable again, and with it all that came before.
  const briefly = `SET LOCAL lock_timeout = ${SLICE_MS}; SET LOCAL statement_timeout = ${STATEMENT_MS};
    SET LOCAL synchronous_commit = off`;
  try {
    await client.query(`${briefly}; ${sql}`);
    return undefined;
  } catch (error) {
    // Another statement would fail in the same way.
    if (!(error instanceof pg.DatabaseError)) throw error;
    return error;
  }
}

interface Holder {
  readonly place: string;
  /** In a sentence, the transaction that has lasted longest. */
  readonly holder: string;
  /** Of other users it is known to those who may see it. */
  readonly isLong: boolean;
}

/** Of each statement that is kept from its lock by one that another process has. */
async function holdersOf(
  client: pg.Client,
  statements: readonly TableStatement[],
): Promise<Map<TableStatement, Holder>> {
  const { rows } = await client.query<Holder>(
    `SELECT DISTINCT ON (place) place,
            CASE WHEN l.pid IS NULL THEN 'a prepared transaction' ELSE
              format('process %s (%s, in a transaction since %s)', l.pid,
                coalesce(nullif(application_name, ''), usename, 'of another user'),
                coalesce(to_char(xact_start, 'HH24:MI:SS'), 'a time that is not shown')) END AS holder,
            l.pid IS NULL OR coalesce(a.xact_start < clock_timestamp() - interval '${LONG_MS} ms', false) AS "isLong"
       FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(name, excludes, place)
       JOIN pg_locks l ON l.relation = to_regclass(t.name) LEFT JOIN pg_stat_activity a USING (pid)
      WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (excludes = 'readers too' OR l.mode NOT IN ('AccessShareLock', 'RowShareLock'))
        AND (excludes <> 'changes' OR l.mode <> 'RowExclusiveLock')
      ORDER BY place, l.pid IS NOT NULL, a.xact_start`,
    [statements.map(({ table }) => table), statements.map(({ excludes }) => excludes)],
  );
  return new Map(
    rows.flatMap((row) => {
      const statement = statements[Number(row.place) - 1];
      return statement ? [[statement, row] as const] : [];
    }),
  );
}
