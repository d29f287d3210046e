import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { connect, disconnect } from '../system/postgres-client.ts';
import { QUERY_MS, TOO_MANY } from './database.ts';
import { type Fault, notAllowed, type Site } from './fault.ts';

/** Opened at a time: each costs the server a process. */
const BATCH = 20;
/** Slots that others leave meanwhile are taken, too. */
const AGAIN_MS = 200;
/** So many are never reached; a server that lets more in is not exhausted by us. */
const CONNECTIONS_MAX = 5_000;
const HOARD = { name: 'wt-harness-hoard', queryMs: QUERY_MS };

/**
 * Somebody takes every free connection and keeps it, as a dashboard that leaks does. Who has connections keeps them;
 * whoever needs a new one is refused (`53300: sorry, too many clients already`). Superusers may go further than others:
 * on a stack of ours Airflow is one, so that their reserve is taken, too; a target keeps it for its administrators.
 */
export const exhaustConnections: Fault = {
  name: 'exhaust-connections',
  describe: 'Every free connection of PostgreSQL is taken: who needs a new one is refused',
  lasts_ms: [2_000, 8_000],
  unavailable: notAllowed,
  draw: () => ({ victim: 'postgres', with: {} }),

  async inject(site) {
    const held: pg.Client[] = [];
    const over = new AbortController();
    const first = await connect(site.stack.dsn, HOARD);
    held.push(first);
    let most = await take(site, first, held);
    const taking = (async () => {
      while (!over.signal.aborted) {
        await sleep(AGAIN_MS, undefined, { signal: over.signal }).catch(() => undefined);
        if (!over.signal.aborted) most = Math.max(most, await take(site, first, held));
      }
    })().catch(() => undefined); // The connections have gone, by another's doing: nothing is left to take.
    return async () => {
      over.abort();
      await taking;
      await Promise.all(held.map(disconnect));
      return `${most} connections were taken`;
    };
  },
};

/** Takes what is free now. Returns how many are held. */
async function take({ stack }: Site, asking: pg.Client, held: pg.Client[]): Promise<number> {
  const reserve = stack.outlivesRun ? 'superuser_reserved_connections' : undefined;
  const { rows } = await asking.query<{ free: number }>(
    `SELECT (current_setting('max_connections')::int - ${reserve ? `current_setting('${reserve}')::int` : '0'}
       - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'))::int AS free`,
  );
  for (let free = rows[0]?.free ?? 0; free > 0 && held.length < CONNECTIONS_MAX; free -= BATCH) {
    const opened = await Promise.allSettled(
      Array.from({ length: Math.min(BATCH, free) }, () => connect(stack.dsn, HOARD)),
    );
    for (const result of opened) if (result.status === 'fulfilled') held.push(result.value);
    const refused = opened.find((result) => result.status === 'rejected')?.reason;
    if (refused instanceof pg.DatabaseError && refused.code === TOO_MANY) break;
  }
  return held.length;
}
