import type pg from 'pg';

import type { Behaviour, Reply, Tx } from '../behaviour.ts';
import { transaction } from '../database/connect.ts';

/** What the routes of one API server share. */
export interface Api {
  readonly pool: pg.Pool;
  readonly behaviour: Behaviour;
}

/** A writing request: a transaction that ends with `conclude`, which commits before the answer is sent. */
export function writing(api: Api, kind: string, action: (tx: Tx) => Promise<Reply>): Promise<Reply> {
  return transaction(api.pool, action, (tx, reply) => api.behaviour.conclude(tx, { kind, reply }));
}

/** A connection without a transaction, for statements that commit by themselves. */
export async function connected<T>(api: Api, action: (db: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await api.pool.connect();
  try {
    return await action(client);
  } finally {
    client.release();
  }
}
