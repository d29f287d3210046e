import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

/**
 * How long a statement of the harness waits for the lock of a live table. A query that comes after it waits as long,
 * also one that could have read beside those that hold the table now.
 */
const SLICE_MS = 100;
/** Between two tries of the same statement: it grows, because a table that is still held is held for long. */
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 5_000;
/** A transaction that is this old is not expected to end within a slice. */
const LONG_MS = 200;

/** The lock could not be had in time, or it was given up to break a deadlock. */
const RETRYABLE = new Set(['55P03', '40P01']);

/** A statement that locks one table. */
export interface TableStatement {
  /** As `regclass` reads it. */
  readonly table: string;
  readonly sql: string;
  /** Whom the lock keeps out: those that write, or also those that only read. */
  readonly excludes: 'writers' | 'readers too';
}

export interface Patience {
  readonly ms: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs each statement in a transaction of its own and never with a long wait: two such locks held together can deadlock
 * with Airflow, and a wait keeps out every query that comes later. No statement is tried while a long transaction holds
 * its table. Returns the error of each that could not be carried out.
 */
export async function runBriefly(
  client: pg.Client,
  statements: readonly TableStatement[],
  { ms, signal }: Patience,
): Promise<Map<TableStatement, Error>> {
  const failed = new Map<TableStatement, Error>();
  const deadline = performance.now() + ms;
  // A lock is held until its transaction is on disk, and with a synchronous standby also there. What follows is durable
  // again, and with it all that came before.
  await client.query(`SET lock_timeout = ${SLICE_MS}; SET synchronous_commit = off`);
  try {
    let waiting = statements;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LAST_PAUSE_MS, pauseMs * 1.6)) {
      const again: TableStatement[] = [];
      for (const one of waiting) {
        signal?.throwIfAborted();
        const error = await tryOnce(client, one);
        if (error !== undefined) failed.set(one, error);
        else failed.delete(one);
        if (error !== undefined && isRetryable(error)) again.push(one);
      }
      waiting = again;
      if (waiting.length === 0 || performance.now() + pauseMs > deadline) return failed;
      await sleep(pauseMs, undefined, { signal });
    }
  } finally {
    await client.query('RESET lock_timeout; RESET synchronous_commit').catch(() => undefined); // The connection broke.
  }
}

class TableIsHeld extends Error {}

function isRetryable(error: Error): boolean {
  return error instanceof TableIsHeld || (error instanceof pg.DatabaseError && RETRYABLE.has(error.code ?? ''));
}

async function tryOnce(client: pg.Client, statement: TableStatement): Promise<Error | undefined> {
  try {
    const holder = await holderOf(client, statement);
    if (holder !== undefined) return new TableIsHeld(`${holder} holds the table ${statement.table}`);
    await client.query(statement.sql);
    return undefined;
  } catch (error) {
    // Another statement would fail in the same way.
    if (!(error instanceof pg.DatabaseError)) throw error;
    return error;
  }
}

/** A long transaction that keeps the statement from its lock. Of other users it is known to those who may see it. */
async function holderOf(client: pg.Client, { table, excludes }: TableStatement): Promise<string | undefined> {
  const { rows } = await client.query<{ holder: string }>(
    `SELECT format('process %s (%s, in a transaction since %s)', a.pid,
              coalesce(nullif(application_name, ''), usename), to_char(xact_start, 'HH24:MI:SS')) AS holder
       FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE l.locktype = 'relation' AND l.relation = $1::regclass AND l.granted AND l.pid <> pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND ($2 OR l.mode NOT IN ('AccessShareLock', 'RowShareLock'))
        AND a.xact_start < clock_timestamp() - interval '${LONG_MS} ms'
      ORDER BY a.xact_start LIMIT 1`,
    [table, excludes === 'readers too'],
  );
  return rows[0]?.holder;
}
