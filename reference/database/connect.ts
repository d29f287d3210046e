import pg from 'pg';

import type { Tx } from '../behaviour.ts';
import { LIMITS, type Settings } from '../settings.ts';

/** Longer than any statement should take, and finite. */
const STATEMENT_MS = 120_000;
const CONNECT_MS = 30_000;

/** Airflow's bigint-less keys and counts fit a number. Of our pools alone: others read them as the driver does. */
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: (type, format) => (type === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(type, format)),
};

export function openPool(settings: Settings, max: number = LIMITS.connections): pg.Pool {
  const pool = new pg.Pool({
    connectionString: settings.dsn,
    types: TYPES,
    application_name: `wt-${settings.process}`,
    max,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    keepAlive: true,
  });
  // An idle connection that breaks is replaced at its next use, and one that is in use fails its next query; without
  // listeners either would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * Runs `action` between BEGIN and `commit` (READ COMMITTED, as Airflow does); an error of either rolls back and is
 * thrown on.
 */
export async function transaction<T>(
  pool: pg.Pool,
  action: (tx: Tx) => Promise<T>,
  commit: (tx: Tx, result: T) => Promise<unknown> = (tx) => tx.query('COMMIT'),
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await action(client);
    await commit(client, result);
    client.release();
    return result;
  } catch (error) {
    await client.query('ROLLBACK').then(
      () => client.release(),
      // The connection is gone: the pool must not hand it out again.
      (lost: Error) => client.release(lost),
    );
    throw error;
  }
}
