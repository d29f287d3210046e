import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { WATCHED_TABLES } from '../model/airflow/schema.ts';
import { listed } from '../model/listed.ts';
import { connect, disconnect } from '../system/postgres-client.ts';
import { runBriefly, type TableStatement } from './brief-locks.ts';

/** `wind` in ASCII: the first key of the advisory locks that living runs hold; the second is the run's id. */
const LOCK_CLASS = 0x77696e64;
/** How long to try for tables that others hold. */
export const REMOVE_MS = 60_000;
const STATEMENT_MS = 50_000;
const DROP_SLOT_TRIES = 50;

/**
 * Settings of the connection that installs: the server notices within a minute that a machine has vanished, and within
 * a second that a client has ended in the middle of a statement.
 */
const SETTINGS = `SET statement_timeout = ${STATEMENT_MS}; SET idle_session_timeout = 0; SET tcp_keepalives_idle = 30;
  SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3`;

/** A connection that installs or removes. */
export async function connectForChanges(dsn: string): Promise<pg.Client> {
  const client = await connect(dsn, { name: 'wt-harness-writers' });
  try {
    await client.query(SETTINGS);
    // Where the server cannot look whether its client is there, it finds out when the statement has ended.
    await client.query(`SET client_connection_check_interval = '1s'`).catch(() => undefined);
  } catch (error) {
    await disconnect(client);
    throw error;
  }
  return client;
}

/** Of a run's schema, publication, slot and triggers. `run`: its id. */
export function nameOf(run: string): string {
  if (!/^[0-9a-f]{6}$/.test(run)) throw new Error(`"${run}" is no id of a run`);
  return `windtunnel_${run}`;
}

/** The two keys of the advisory lock that a run holds while it lives. */
export function lockOf(run: string): [number, number] {
  return [LOCK_CLASS, Number.parseInt(run, 16)];
}

/** What is still there, with the SQL that takes it away. */
export interface Left {
  readonly run: string;
  /** In a sentence: `its replication slot and 7 triggers: must be owner of table dag_run`. */
  readonly what: string;
  readonly sql: string;
}

/** What takes a run's installation away by hand, whatever is there of it. */
export function removalSql(run: string): string {
  const name = nameOf(run);
  return [
    ...WATCHED_TABLES.map((table) => `DROP TRIGGER IF EXISTS ${name} ON public.${table};`),
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '${name}';`,
    `DROP PUBLICATION IF EXISTS ${name};`,
    `DROP SCHEMA IF EXISTS ${name} CASCADE;`,
  ].join('\n');
}

/** Takes all of it away, and asks the server whether it is gone. Returns what is not. */
export async function takeAway(client: pg.Client, run: string, patienceMs: number): Promise<Left | undefined> {
  const name = nameOf(run);
  const why: string[] = [];
  const tried = async (action: () => Promise<unknown>) => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      why.push(error.message);
    }
  };
  const before = await thereIs(client, name);
  if (before.slots > 0) await tried(() => dropSlot(client, name));
  if (before.publications > 0) await tried(() => client.query(`DROP PUBLICATION ${name}`));
  const triggers = before.tables.map(
    (table): TableStatement => ({ table, sql: `DROP TRIGGER ${name} ON ${table}`, excludes: 'readers too' }),
  );
  if (triggers.length > 0)
    for (const error of (await runBriefly(client, triggers, { ms: patienceMs })).values()) why.push(error.message);
  // Without CASCADE: what others have put there stays, and so does the schema.
  if (before.schemas > 0)
    await tried(() => client.query(`DROP FUNCTION IF EXISTS ${name}.note_writer(); DROP SCHEMA ${name}`));
  const after = await thereIs(client, name);
  if (isNothing(after)) return undefined;
  return { run, what: `${inWords(after)} (${[...new Set(why)].join('; ')})`, sql: removalSql(run) };
}

/** A walsender that still sends, such as that of a client that has vanished, is ended first. */
async function dropSlot(client: pg.Client, name: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    const { rows } = await client.query<{ active_pid: number | null }>(
      `SELECT active_pid, pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${name}'`,
    );
    if (rows.length === 0) return;
    try {
      if (rows[0]?.active_pid === null) return void (await client.query(`SELECT pg_drop_replication_slot('${name}')`));
      if (tries === DROP_SLOT_TRIES)
        throw new pg.DatabaseError(`process ${rows[0]?.active_pid} still reads the slot`, 0, 'error');
    } catch (error) {
      // In use: its reader came a moment ago.
      const inUse = error instanceof pg.DatabaseError && error.code === '55006';
      if (!inUse || tries === DROP_SLOT_TRIES) throw error;
    }
    await sleep(100);
  }
}

export interface There {
  readonly slots: number;
  readonly publications: number;
  readonly schemas: number;
  /** Those with our trigger. */
  readonly tables: readonly string[];
  readonly comment: string | null;
}

export async function thereIs(client: pg.Client, name: string): Promise<There> {
  const { rows } = await client.query<There>(
    `SELECT (SELECT count(*)::int FROM pg_replication_slots
              WHERE slot_name = $1 AND database = current_database()) AS slots,
            (SELECT count(*)::int FROM pg_publication WHERE pubname = $1) AS publications,
            (SELECT count(*)::int FROM pg_namespace WHERE nspname = $1) AS schemas,
            (SELECT coalesce(array_agg(format('%I.%I', n.nspname, c.relname) ORDER BY c.relname), '{}')
               FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE t.tgname = $1) AS tables,
            (SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = $1) AS comment`,
    [name],
  );
  return rows[0] ?? { slots: 0, publications: 0, schemas: 0, tables: [], comment: null };
}

function isNothing({ slots, publications, schemas, tables }: There): boolean {
  return slots + publications + schemas + tables.length === 0;
}

export function inWords({ slots, publications, schemas, tables }: There): string {
  const parts = [
    ...(slots > 0 ? ['a replication slot'] : []),
    ...(publications > 0 ? ['a publication'] : []),
    ...(tables.length > 0 ? [tables.length === 1 ? 'a trigger' : `${tables.length} triggers`] : []),
    ...(schemas > 0 ? ['a schema'] : []),
  ];
  return listed(parts) || 'nothing';
}
