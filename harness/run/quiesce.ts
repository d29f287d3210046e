import { setTimeout as sleep } from 'node:timers/promises';
import { roundMs } from '../model/clock.ts';
import type { RunContext } from '../model/run-context.ts';
import type { Stack } from '../model/stack.ts';
import { withClient } from '../system/postgres-client.ts';
import { readProcessStats } from '../system/proc.ts';

/**
 * A healthy server is quiescent after a second. One that was overloaded has a thousand requests in its queue of which
 * the clients have long gone, and carries out some thirty of them a second: without the wait their outcome stays
 * unknown.
 */
const DEADLINE_MS = 60_000;
const EVERY_MS = 250;
/** Quiet for this long: between two statements of one request lie milliseconds, on a busy machine tens of them. */
const QUIET_MS = 1_000;
/** Share of one processor. An idle API server uses a hundredth, one with queued requests as much as it can get. */
const IDLE_SHARE = 0.15;
/** In the process table and in the database. */
const API = /^(wt-)?api-/;

/**
 * Call when nothing is sent any more. Waits until the API servers have finished or dropped requests that no client
 * waits for, and records in `api_quiescent` whether they did: then what has not been committed never will be. Where the
 * servers' connections or processes cannot be distinguished from others, nothing is written.
 */
export async function waitForQuiescence(
  { dsn, processes }: Pick<Stack, 'dsn' | 'processes'>,
  { record, clock }: Pick<RunContext, 'record' | 'clock'>,
): Promise<void> {
  const servers = processes.filter(({ name }) => API.test(name)).map(({ pid }) => pid);
  if (servers.length === 0) return;
  const cpuSeconds = () => [...readProcessStats(servers).values()].reduce((sum, { cpuS }) => sum + cpuS, 0);
  const began = clock.now();
  const quiescent = await withClient(dsn, async (client) => {
    let quietSince: { readonly ms: number; readonly cpuS: number } | undefined;
    while (clock.now() - began < DEADLINE_MS) {
      const { rows } = await client.query<{ open: number }>(`
        SELECT count(*)::int AS open FROM pg_stat_activity
         WHERE datname = current_database() AND application_name ~ '${API.source}' AND xact_start IS NOT NULL`);
      const now = { ms: clock.now(), cpuS: cpuSeconds() };
      if (rows[0]?.open !== 0) quietSince = undefined;
      else if (quietSince === undefined) quietSince = now;
      else if (now.ms - quietSince.ms >= QUIET_MS) {
        if ((now.cpuS - quietSince.cpuS) * 1000 <= IDLE_SHARE * (now.ms - quietSince.ms)) return true;
        quietSince = now;
      }
      await sleep(EVERY_MS);
    }
    return false;
  });
  const sample = { source: 'postgres', metric: 'api_quiescent', value: quiescent ? 1 : 0 };
  record.append('samples', { at_ms: roundMs(clock.now()), ...sample });
}
