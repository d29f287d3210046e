import type pg from 'pg';

import { type AirflowSchema, type WatchedTable, watchedOn } from '../model/airflow/schema.ts';
import { SERIALIZED_DAGS } from '../model/airflow/statements.ts';
import { listed } from '../model/listed.ts';
import { readAirflowSchema } from '../system/airflow-schema.ts';

/** What a database allows a run to record, asked before anything is created in it. */
export interface DatabaseRights {
  /** Why commits cannot be recorded, one sentence each; empty if they can. */
  readonly lacks: readonly string[];
  /** Tables that cannot be read, of those that the run copies in the end. */
  readonly unreadable: readonly string[];
  /** What a run that is killed could do to the server. */
  readonly warnings: readonly string[];
  /** What of Airflow's tables is not there, or not as any release that is known has it. */
  readonly unrecorded: AirflowSchema['unrecorded'];
  /** What else the owner of the database should know. */
  readonly notes: readonly string[];
}

/** Column lists of publications came with it. */
const OLDEST = 15;

export interface RecordingServer {
  readonly version: number;
  readonly role: string;
  readonly database: string;
  readonly wal_level: string;
  readonly standby: boolean;
  readonly superuser: boolean;
  readonly replication: boolean;
  readonly may_create: boolean;
  readonly sees_all: boolean;
  readonly slots: readonly string[];
  readonly max_slots: number;
  readonly senders: number;
  readonly max_senders: number;
  readonly keep: string;
  /** Slots of others that no process reads, with how much of the log each keeps. */
  readonly idle: readonly string[];
}

const SERVER = `
  SELECT current_setting('server_version_num')::int / 10000 AS version, current_user::text AS role,
         current_database()::text AS database, current_setting('wal_level') AS wal_level,
         pg_is_in_recovery() AS standby, r.rolsuper AS superuser, r.rolreplication AS replication,
         has_database_privilege(current_database(), 'CREATE') AS may_create,
         pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
         (SELECT coalesce(array_agg(slot_name::text ORDER BY slot_name), '{}') FROM pg_replication_slots) AS slots,
         current_setting('max_replication_slots')::int AS max_slots,
         (SELECT count(*)::int FROM pg_stat_replication) AS senders,
         current_setting('max_wal_senders')::int AS max_senders,
         current_setting('max_slot_wal_keep_size', true) AS keep,
         (SELECT coalesce(array_agg(format('%s (%s)', slot_name,
              pg_size_pretty(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                ELSE pg_current_wal_lsn() END, restart_lsn))) ORDER BY slot_name), '{}')
            FROM pg_replication_slots WHERE NOT active AND slot_name !~ '^windtunnel_') AS idle
    FROM pg_roles r WHERE r.rolname = current_user`;

interface TableRights {
  readonly name: string;
  readonly owner: string;
  readonly owned: boolean;
  readonly identity: string;
  readonly key: readonly string[] | null;
}

const TABLES = `
  SELECT c.relname::text AS name, pg_get_userbyid(c.relowner)::text AS owner,
         pg_has_role(c.relowner, 'USAGE') AS owned, c.relreplident::text AS identity,
         (SELECT array_agg(a.attname::text) FROM pg_index i JOIN pg_attribute a
             ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
           WHERE i.indrelid = c.oid AND i.indisprimary) AS key
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1)`;

export async function readDatabaseRights(client: pg.Client): Promise<DatabaseRights> {
  const [server] = (await client.query<RecordingServer>(SERVER)).rows;
  const schema = await readAirflowSchema(client);
  const watched = watchedOn(schema, false);
  const { rows: tables } = await client.query<TableRights>(TABLES, [watched.map(({ table }) => table)]);
  const { rows: unreadable } = await client.query<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND relname = ANY ($1) AND NOT has_table_privilege(c.oid, 'SELECT') ORDER BY 1`,
    [[...schema.copied.map(({ table }) => table), SERIALIZED_DAGS]],
  );
  const lacks = [...(server ? lacksOfServer(server) : []), ...lacksOfTables(watched, tables, server?.role ?? '')];
  const warnings = server?.keep === '-1' ? [KEEPS_ALL] : [];
  const names = unreadable.map(({ name }) => name);
  const { unrecorded } = schema;
  return { lacks, unrecorded, unreadable: names, warnings, notes: server ? notesOn(server) : [] };
}

export function lacksOfServer(server: RecordingServer): string[] {
  const { role, database, slots } = server;
  const lacks: string[] = [];
  if (server.version < OLDEST) lacks.push(`PostgreSQL is ${server.version}: ${OLDEST} or newer is needed.`);
  if (server.wal_level !== 'logical')
    lacks.push(`wal_level is "${server.wal_level}": set wal_level = logical and restart PostgreSQL.`);
  if (server.standby) lacks.push('The server is a standby: name the primary in the dsn.');
  if (!server.superuser && !server.replication)
    lacks.push(`The role "${role}" may not replicate: ALTER ROLE ${quoted(role)} REPLICATION.`);
  if (!server.may_create)
    lacks.push(
      `The role "${role}" may not create a schema: GRANT CREATE ON DATABASE ${quoted(database)} TO ${quoted(role)}.`,
    );
  if (slots.length >= server.max_slots)
    lacks.push(`No replication slot is free: max_replication_slots is ${server.max_slots}, with ${slots.join(', ')}.`);
  if (server.senders >= server.max_senders)
    lacks.push(`No walsender is free: max_wal_senders is ${server.max_senders}, and all of them are in use.`);
  return lacks;
}

function lacksOfTables(watched: readonly WatchedTable[], tables: readonly TableRights[], role: string): string[] {
  const lacks: string[] = [];
  if (watched.length === 0)
    lacks.push('The schema public has none of the tables that are recorded: is this the database of an Airflow 3?');
  for (const owner of new Set(tables.map((table) => table.owner))) {
    const foreign = tables.filter((table) => table.owner === owner && !table.owned).map(({ name }) => name);
    if (foreign.length > 0)
      lacks.push(
        `The role "${role}" is not a member of "${owner}", who owns ${listed(foreign)}: a publication and the ` +
          `removal of a trigger need that. GRANT ${quoted(owner)} TO ${quoted(role)}.`,
      );
  }
  for (const { name, identity, key } of tables) {
    const columns = watched.find(({ table }) => table === name)?.columns;
    if (identity !== 'd')
      lacks.push(
        `The table ${name} has REPLICA IDENTITY ${IDENTITIES[identity] ?? identity}: while part of its columns are ` +
          'published, PostgreSQL refuses each UPDATE and DELETE.',
      );
    else if (key === null || key.some((column) => !columns?.has(column)))
      lacks.push(`The table ${name} has no primary key of the columns that are read: its UPDATEs cannot be published.`);
  }
  return lacks;
}

const IDENTITIES: Readonly<Record<string, string>> = { f: 'FULL', n: 'NOTHING', i: 'USING INDEX' };

const KEEPS_ALL =
  'max_slot_wal_keep_size is -1: a slot that is left, and not healed, keeps the log of changes until the disk is ' +
  'full. Set it to what the disk can spare.';

function notesOn(server: RecordingServer): string[] {
  const notes: string[] = [];
  if (server.idle.length > 0)
    notes.push(`No process reads the replication slot ${listed(server.idle)}: in brackets is how much log it keeps.`);
  if (server.superuser)
    notes.push(`The role "${server.role}" is a superuser: a role with the rights of docs/target.md is enough.`);
  if (!server.superuser && !server.sees_all)
    notes.push(
      `The role "${server.role}" does not see what other roles do: waits for locks are not recorded. ` +
        `GRANT pg_read_all_stats TO ${quoted(server.role)}.`,
    );
  return notes;
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
