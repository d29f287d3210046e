import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import type { PlannedFault } from '../../model/scenario.ts';
import { readAirflowSchema } from '../../system/airflow-schema.ts';
import { connect, disconnect } from '../../system/postgres-client.ts';
import { type Fault, type Heal, notAllowed, type Site } from '../fault.ts';
import { pickFrom } from '../victims.ts';
import { QUERY_MS } from './backends.ts';

/**
 * What is locked, by the names of the run folder. A migration's lock on a whole table would stop the other DAGs of a
 * target, too.
 */
const ROWS = ['rows of task_instance', 'rows of dag_run'];
const TABLES = ['all of task_instance', 'all of dag_run'];
const FIELDS = 'all of rendered_task_instance_fields';
const ROWS_MAX = 10;
const TRIES = 5;
/** A bystander that does not get its lock in time rolls back and tries again. */
const LOCK_TIMEOUT_MS = 2_000;
/** How much later than planned a window may end. */
const SPARE_MS = 60_000;
/** lock_not_available, deadlock_detected. */
const AGAIN = new Set(['55P03', '40P01']);

/**
 * A transaction of a client that is no part of Airflow: a person at a psql prompt with a few rows locked, or a
 * migration with a lock on a whole table that permits reads and blocks writes.
 */
export const bystanderLock: Fault = {
  name: 'bystander-lock',
  describe: 'A transaction of another client locks running tasks, running DAG runs or a whole table for some seconds',
  lasts_ms: [1_000, 8_000],
  unavailable: notAllowed,
  draw: ({ ours }, rng) => ({
    victim: 'postgres',
    with: { locks: pickFrom(ours ? [...ROWS, ...TABLES] : ROWS, rng), rows: Math.ceil(rng.between(0, ROWS_MAX)) },
  }),
  inject: holdLock,
};

/**
 * The same on the one table that only workers' first requests write, as when an index is made for it. A write that is
 * held up there has found its task instance, and holds no lock: its task can be cleared and begin again while it waits.
 */
export const fieldsLock: Fault = {
  name: 'fields-lock',
  describe: 'A transaction of another client locks the table of rendered fields against writes for some seconds',
  lasts_ms: [2_000, 7_000],
  unavailable: ({ ours }) => (ours ? null : "locks a whole table, which would stop the target's other DAGs, too"),
  draw: () => ({ victim: 'postgres', with: { locks: FIELDS, rows: 0 } }),
  inject: holdLock,
};

async function holdLock(site: Site, { for_ms, with: { locks, rows } }: PlannedFault): Promise<Heal> {
  // The window ends it; the server does if the harness has vanished.
  const idleMs = for_ms + SPARE_MS;
  const client = await connect(site.stack.dsn, { name: 'wt-bystander', queryMs: QUERY_MS, idleMs });
  try {
    const locked = await lock(client, site, String(locks), Number(rows));
    const fromMs = site.clock.now();
    return async () => {
      const waiting = await waitersOf(client);
      await client.query('ROLLBACK').catch(() => undefined); // It also ends with the connection.
      await disconnect(client);
      const seconds = ((site.clock.now() - fromMs) / 1000).toFixed(1);
      return `${locked} locked for ${seconds} s; ${waiting} others waited for it in the end`;
    };
  } catch (error) {
    await disconnect(client);
    throw error;
  }
}

/** Returns what is locked now, as the beginning of a sentence. */
async function lock(client: pg.Client, { stack }: Site, locks: string, rows: number): Promise<string> {
  const relation = locks.slice(locks.lastIndexOf(' ') + 1);
  const { watched } = await readAirflowSchema(client);
  const table = watched.find(({ name }) => name === relation)?.table ?? relation;
  await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
  for (let tries = 1; ; tries++) {
    await client.query('BEGIN');
    try {
      if (locks === FIELDS || TABLES.includes(locks)) {
        await client.query(`LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`);
        return `all of ${table} was`;
      }
      // In random order, as people do: the bystander itself may be part of a deadlock.
      const { rowCount } = await client.query(
        `SELECT FROM ${table} WHERE dag_id LIKE $1 AND state IN ('queued', 'running') ORDER BY random() LIMIT ${rows}
         FOR UPDATE`,
        [`${stack.dagNamespace}wt_`.replaceAll('_', '\\_').concat('%')],
      );
      if (rowCount || tries === TRIES) return `${rowCount ?? 0} rows of ${table} were`;
    } catch (error) {
      const again = error instanceof pg.DatabaseError && AGAIN.has(error.code ?? '');
      if (!again || tries === TRIES) throw error;
    }
    await client.query('ROLLBACK');
    await sleep(200);
  }
}

async function waitersOf(client: pg.Client): Promise<number> {
  try {
    const { rows } = await client.query<{ n: string }>(
      `SELECT count(*) AS n FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND pg_backend_pid() = ANY (pg_blocking_pids(pid))`,
    );
    return Number(rows[0]?.n ?? 0);
  } catch {
    return 0; // Its connection has broken, and its locks are released.
  }
}
