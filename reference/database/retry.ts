import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import type { Tx } from '../behaviour.ts';
import { log } from '../log.ts';
import { transaction } from './connect.ts';

/** [database] max_db_retries: attempts, the first one included. */
const ATTEMPTS = 3;
const FIRST_WAIT_MS = 500;

/** Deadlock detected, serialization failure: PostgreSQL asks for the transaction to be tried again. */
const AGAIN = new Set(['40P01', '40001']);

export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * A transaction that is run again after a deadlock, as Airflow's `retry_db_transaction` does. `deed` must be fit to be
 * run twice: what it changes outside the database, it changes after this has returned.
 */
export async function retriedTransaction<T>(pool: pg.Pool, what: string, deed: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction(pool, deed);
    } catch (error) {
      const state = sqlStateOf(error);
      if (attempt === ATTEMPTS || state === undefined || !AGAIN.has(state)) throw error;
      log('info', `Retrying ${what} after ${state}, attempt ${attempt} of ${ATTEMPTS}`);
      await sleep(Math.random() * FIRST_WAIT_MS * 2 ** (attempt - 1));
    }
  }
}
