import type pg from 'pg';

import type { Behaviour, Reply, Tx } from '../behaviour.ts';

/** What the routes of one API server share. */
export interface Api {
  readonly pool: pg.Pool;
  readonly behaviour: Behaviour;
}

/**
 * A writing request: BEGIN, its deed, and `conclude`, which commits before the answer is sent. Whatever the deed throws
 * rolls it back.
 */
export async function writing(api: Api, kind: string, deed: (tx: Tx) => Promise<Reply>): Promise<Reply> {
  const client = await api.pool.connect();
  try {
    await client.query('BEGIN');
    const reply = await deed(client);
    await api.behaviour.conclude(client, { kind, reply });
    client.release();
    return reply;
  } catch (error) {
    await client.query('ROLLBACK').then(
      () => client.release(),
      // The connection is gone: the pool must not hand it out again.
      (lost: Error) => client.release(lost),
    );
    throw error;
  }
}

/** A connection without a transaction, for statements that commit by themselves. */
export async function connected<T>(api: Api, deed: (db: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await api.pool.connect();
  try {
    return await deed(client);
  } finally {
    client.release();
  }
}
