import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import { disconnect } from '../system/postgres-client.ts';
import { connectForChanges, inWords, type Left, lockOf, nameOf, REMOVE_MS, takeAway, thereIs } from './installed.ts';

/** What is ours in a database has this name and no other. */
const NAME = '^windtunnel_[0-9a-f]{6}$';
/** A harness that has just ended may still have a connection. */
const LOCK_MS = 2_000;

/** What was found of one run. */
export interface FoundRun {
  readonly run: string;
  /** `removed`: a query has shown that nothing is left of it. */
  readonly outcome: 'removed' | 'still running' | 'left';
  /** `7 triggers, a publication, a replication slot and a schema`. */
  readonly what: string;
  /** Where and since when it was installed; undefined if nothing says it. */
  readonly from?: string | undefined;
  readonly left?: Left | undefined;
}

export interface RemovalOptions {
  /** Runs of which it is known that they have ended, whichever connection still holds their lock. */
  readonly ended?: readonly string[];
  /** Only looks. */
  readonly dryRun?: boolean;
  /** How long to try for the tables of one run that others hold. */
  readonly patienceMs?: number;
}

/**
 * Finds by their names what runs have left in a database, and removes it. What belongs to a run that still holds its
 * lock is left alone. Rejects if the database cannot be asked.
 */
export async function removeInstallations(
  dsn: string,
  { ended = [], dryRun = false, patienceMs = REMOVE_MS }: RemovalOptions = {},
): Promise<FoundRun[]> {
  const client = await connectForChanges(dsn);
  try {
    const { rows } = await client.query<{ name: string }>(INSTALLED);
    const found: FoundRun[] = [];
    for (const { name } of rows) {
      found.push(await look(client, name.replace('windtunnel_', ''), { ended, dryRun, patienceMs }));
    }
    return found;
  } finally {
    await disconnect(client);
  }
}

const INSTALLED = `
  SELECT slot_name::text AS name FROM pg_replication_slots
   WHERE slot_name ~ '${NAME}' AND database = current_database()
  UNION SELECT pubname::text FROM pg_publication WHERE pubname ~ '${NAME}'
  UNION SELECT nspname::text FROM pg_namespace WHERE nspname ~ '${NAME}'
  UNION SELECT tgname::text FROM pg_trigger WHERE tgname ~ '${NAME}'
  ORDER BY 1`;

async function look(client: pg.Client, run: string, options: Required<RemovalOptions>): Promise<FoundRun> {
  const { ended, dryRun } = options;
  const there = await thereIs(client, nameOf(run));
  const found = { run, what: inWords(there), from: there.comment ?? undefined };
  const lockMs = dryRun ? 0 : LOCK_MS;
  if (!(await takeLock(client, run, { patienceMs: lockMs, hasEnded: ended.includes(run) })))
    return { ...found, outcome: 'still running' };
  try {
    if (dryRun) return { ...found, outcome: 'left' };
    const left = await takeAway(client, run, options.patienceMs);
    return left ? { ...found, outcome: 'left', left } : { ...found, outcome: 'removed' };
  } finally {
    await client.query('SELECT pg_advisory_unlock($1, $2)', lockOf(run)).catch(() => undefined);
  }
}

/** False if a living run has it. Of one that has ended, the connection that still holds it is closed. */
async function takeLock(
  client: pg.Client,
  run: string,
  { patienceMs, hasEnded }: { readonly patienceMs: number; readonly hasEnded: boolean },
): Promise<boolean> {
  for (let waited = 0; ; waited += 200) {
    const { rows } = await client.query<{ ok: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS ok', lockOf(run));
    if (rows[0]?.ok) return true;
    if (waited >= (hasEnded ? 2 * patienceMs : patienceMs)) return false;
    if (waited >= patienceMs)
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_locks
          WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND granted`,
        lockOf(run),
      );
    await sleep(200);
  }
}
