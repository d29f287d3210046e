import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { WATCHED } from '../model/tables.ts';
import { withClient } from '../system/postgres-client.ts';

export const SLOT = 'windtunnel';
export const PUBLICATION = 'windtunnel';
/** Prefix of the logical messages that name a statement's writer. */
export const WRITER_PREFIX = 'windtunnel';
const STATEMENT_LENGTH = 240;
/** How long a statement of the harness waits for the lock of a live table before it gives up and tries again. */
const LOCK_TIMEOUT_MS = 1_000;
const LOCK_TRIES = 10;
const SLOT_TRIES = 50;

/** Adds the publication and, in a schema of its own, the function and the triggers that name the writers. */
export async function installWriters(dsn: string): Promise<void> {
  await removeWriters(dsn);
  const tables = Object.entries(WATCHED);
  const published = tables.map(([table, columns]) => `public.${table} (${columns.join(', ')})`).join(', ');
  await withClient(dsn, async (client) => {
    await client.query('CREATE SCHEMA windtunnel');
    await client.query(`
      CREATE FUNCTION windtunnel.note_writer() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_logical_emit_message(true, '${WRITER_PREFIX}', concat_ws(E'\\x1f',
          current_setting('application_name'), pg_backend_pid(), left(current_query(), ${STATEMENT_LENGTH})));
        RETURN NULL;
      END $$`);
    for (const [table] of tables) {
      await alone(
        client,
        `CREATE TRIGGER windtunnel_writer BEFORE INSERT OR UPDATE OR DELETE ON public.${table}
        FOR EACH STATEMENT EXECUTE FUNCTION windtunnel.note_writer()`,
      );
    }
    await client.query(`CREATE PUBLICATION ${PUBLICATION} FOR TABLE ${published}`);
  });
}

/** Leaves the database as it was found. Safe to call when nothing is there, and again after a crash. */
export async function removeWriters(dsn: string): Promise<void> {
  await withClient(dsn, async (client) => {
    await dropSlot(client);
    await client.query(`DROP PUBLICATION IF EXISTS ${PUBLICATION}`);
    for (const table of Object.keys(WATCHED)) {
      await alone(client, `DROP TRIGGER IF EXISTS windtunnel_writer ON public.${table}`);
    }
    await client.query('DROP SCHEMA IF EXISTS windtunnel CASCADE');
  });
}

/**
 * The server may take a moment to see that the reader of the slot has gone; a slot that stayed would retain its log.
 */
async function dropSlot(client: pg.Client): Promise<void> {
  for (let tries = 1; tries <= SLOT_TRIES; tries++) {
    await client.query(`SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
      WHERE slot_name = '${SLOT}' AND NOT active`);
    const { rows } = await client.query(`SELECT FROM pg_replication_slots WHERE slot_name = '${SLOT}'`);
    if (rows.length === 0) return;
    await sleep(100);
  }
}

/**
 * A statement that locks a table, in a transaction of its own and never for long: two such locks held together can
 * deadlock with Airflow, and a run must not find a deadlock of its own making.
 */
async function alone(client: pg.Client, statement: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.query(`SET lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await client.query(statement);
      return;
    } catch (error) {
      const retryable = error instanceof pg.DatabaseError && (error.code === '55P03' || error.code === '40P01');
      if (!retryable || tries >= LOCK_TRIES) throw error;
      await sleep(100);
    }
  }
}
