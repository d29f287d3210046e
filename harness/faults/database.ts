import pg from 'pg';
import type { Rng } from '../model/rng.ts';
import type { Stack } from '../model/stack.ts';
import type { Host } from './fault.ts';
import { drawProcess } from './victims.ts';

const CONNECT_MS = 10_000;
const QUERY_MS = 20_000;
/** What a target's processes call themselves to PostgreSQL, without `wt-`: docs/target.md. */
const CLIENTS_OF_A_TARGET = ['scheduler-1', 'api-execution-1', 'api-core-1'];
/** PostgreSQL's `too_many_connections`. */
export const TOO_MANY = '53300';

/** Draws one of those who hold connections to the database. */
export function drawClient({ ours, processes }: Host, rng: Rng): string {
  return drawProcess(ours ? processes : CLIENTS_OF_A_TARGET, rng);
}

/** A connection that a fault holds. What breaks it meanwhile shows at its next query. */
export async function connect({ dsn }: Stack, name: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: dsn,
    application_name: name,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Never rejects, and does not wait for a server that has gone. */
export async function disconnect(client: pg.Client): Promise<void> {
  await client.end().catch(() => undefined);
}

/** `SELECT` FROM the backends that serve this process, joined to what a fault wants to know of them. */
export const BACKENDS_OF = `
  SELECT a.pid, a.state, a.query,
    coalesce(extract(epoch FROM clock_timestamp() - a.xact_start) * 1000, 0)::float AS transaction_ms,
    -- It has a transaction id: it has written or locked rows.
    EXISTS (
      SELECT FROM pg_locks WHERE pg_locks.pid = a.pid AND granted AND locktype = 'transactionid' AND mode = 'ExclusiveLock'
    ) AS writes
  FROM pg_stat_activity AS a
  WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.application_name = $1`;
