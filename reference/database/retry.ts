import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import type { Tx } from '../behaviour.ts';
import { log } from '../log.ts';
import { transaction } from './connect.ts';

/** [database] max_db_retries: attempts, the first one included. */
const ATTEMPTS = 3;
const FIRST_WAIT_MS = 500;

/**
 * SQLAlchemy's OperationalError: deadlocks and serialization failures, connections that were cut or refused, a server
 * that is going down or coming up. Not a lock that is not available: who asks for one has an answer to that. A server
 * that is read-only (25006) for as long as a failover takes ends Airflow's scheduler; this stack tries again.
 */
const OPERATIONAL = /^(08|25006|40|53|57)/;
/** What pg says of a connection that it could not get, or that broke. */
const NO_CONNECTION = /Connection terminated|timeout exceeded when trying to connect|ECONN|EPIPE|not queryable/;

export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function hasNoConnection(error: unknown): boolean {
  return error instanceof Error && NO_CONNECTION.test(`${sqlStateOf(error) ?? ''} ${error.message}`);
}

/**
 * A transaction that is run again after a deadlock or a lost connection, as Airflow's `retry_db_transaction` does.
 * `action` must be fit to be run twice: what it changes outside the database, it changes after this has returned.
 */
export async function retriedTransaction<T>(pool: pg.Pool, what: string, action: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction(pool, action);
    } catch (error) {
      const state = sqlStateOf(error) ?? '';
      if (attempt === ATTEMPTS || !(OPERATIONAL.test(state) || hasNoConnection(error))) throw error;
      log('info', `Retrying ${what} after ${state || 'a lost connection'}, attempt ${attempt} of ${ATTEMPTS}`);
      await sleep(Math.random() * FIRST_WAIT_MS * 2 ** (attempt - 1));
    }
  }
}
