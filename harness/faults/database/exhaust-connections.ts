import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import { connect, DatabaseAwayError, disconnect, TOO_MANY_CONNECTIONS } from '../../system/postgres-client.ts';
import { type Fault, notAllowed, type Site } from '../fault.ts';
import { QUERY_MS } from './backends.ts';

/** Opened at a time: each costs the server a process. */
const BATCH = 20;
/** How often slots that others have left are taken, too. */
const AGAIN_MS = 200;
/** No server of ours has so many; a server that accepts more is not exhausted. */
const CONNECTIONS_MAX = 5_000;
/** For superusers, and since PostgreSQL 16 for members of `pg_use_reserved_connections`. */
const RESERVED = `current_setting('superuser_reserved_connections')::int
  - coalesce(current_setting('reserved_connections', true)::int, 0)`;
const HOARD = { name: 'wt-harness-hoard', queryMs: QUERY_MS };

/**
 * All free connections are taken and kept, as by a dashboard that leaks them. Existing connections stay; new ones are
 * refused (`53300: sorry, too many clients already`). Superusers have a reserve: on a stack of ours Airflow is one, so
 * that the reserve is taken, too; on a target it is left for the administrators.
 */
export const exhaustConnections: Fault = {
  name: 'exhaust-connections',
  describe: 'Every free connection of PostgreSQL is taken: new ones are refused',
  lasts_ms: [2_000, 8_000],
  cutsConnections: true,
  unavailable: notAllowed,
  draw: () => ({ victim: 'postgres', with: {} }),

  async inject(site) {
    const held: pg.Client[] = [];
    const end = new AbortController();
    const first = await connect(site.stack.dsn, HOARD);
    held.push(first);
    let most = await take(site, first, held);
    const taking = (async () => {
      while (!end.signal.aborted) {
        await sleep(AGAIN_MS, undefined, { signal: end.signal }).catch(() => undefined);
        if (!end.signal.aborted) most = Math.max(most, await take(site, first, held));
      }
    })().catch(() => undefined); // The connections have broken: nothing is left to take.
    return async () => {
      end.abort();
      await taking;
      await Promise.all(held.map(disconnect));
      return `${most} connections were taken`;
    };
  },
};

/** Takes what is free now. Returns how many are held. */
async function take({ stack }: Site, asking: pg.Client, held: pg.Client[]): Promise<number> {
  const { rows } = await asking.query<{ free: number }>(
    `SELECT (current_setting('max_connections')::int - ${stack.outlivesRun ? RESERVED : '0'}
       - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'))::int AS free`,
  );
  for (let free = rows[0]?.free ?? 0; free > 0 && held.length < CONNECTIONS_MAX; free -= BATCH) {
    const opened = await Promise.allSettled(
      Array.from({ length: Math.min(BATCH, free) }, () => connect(stack.dsn, HOARD)),
    );
    for (const result of opened) if (result.status === 'fulfilled') held.push(result.value);
    const refused = opened.find((result) => result.status === 'rejected')?.reason;
    if (refused instanceof DatabaseAwayError && refused.code === TOO_MANY_CONNECTIONS) break;
  }
  return held.length;
}
