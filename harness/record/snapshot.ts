import pg from 'pg';

import { COPIED_NAMES, type CopiedName, type CopiedTable } from '../model/airflow/schema.ts';
import type { Clock } from '../model/clock.ts';
import { reasonOf } from '../model/errors.ts';
import { noteGap, type Recorder } from '../model/run-context.ts';
import { readAirflowSchema } from '../system/airflow-schema.ts';
import { withClient } from '../system/postgres-client.ts';

/** Columns that are large and prove nothing. */
const LEFT_OUT = new Set([
  'executor_config',
  'context_carrier',
  'next_kwargs',
  'dag_run_conf',
  'extra',
  // Of a trigger, as the column is called.
  'kwargs',
]);
/** Rows fetched at a time, so that a large table does not fill the harness's memory. */
const BATCH = 5_000;
/** How long the server may take for them. A table of others may have millions of rows beside ours. */
const STATEMENT_MS = 30_000;
/** How long all tables together may take; what is left then is copied if that takes next to no time. */
const ALL_MS = 120_000;

export interface SnapshotOptions {
  readonly dsn: string;
  /** All DAGs of the run: with a list PostgreSQL uses its indexes, which in most collations it cannot with a prefix. */
  readonly dagIds: readonly string[];
  /** Whether others use the stack, too. */
  readonly isShared: boolean;
  readonly clock: Clock;
  /** In place of `STATEMENT_MS` and `ALL_MS`. */
  readonly statementMs?: number;
  readonly allMs?: number;
}

/**
 * Copies what Airflow itself says in the end: its own tables, only the harness's DAGs. One repeatable-read transaction,
 * so that the tables agree with each other. A table that cannot be copied, or not in time, is a gap in the record.
 * Rejects with a DatabaseAwayError, or as the recorder does.
 */
export async function takeSnapshot(options: SnapshotOptions, record: Recorder): Promise<void> {
  const { dsn, statementMs = STATEMENT_MS, allMs = ALL_MS } = options;
  const endsAt = performance.now() + allMs;
  const timeoutMs = () => Math.ceil(Math.max(1, Math.min(statementMs, endsAt - performance.now())));
  const left = new Set<CopiedName>(COPIED_NAMES);
  try {
    await withClient(dsn, (client) => copyTables(client, { ...options, timeoutMs, left }, record));
  } catch (error) {
    if (error instanceof RecorderError) throw error.cause;
    noteNotCopied(left, { record, clock: options.clock }, reasonOf(error));
    throw error;
  }
}

/** What is not there to be judged must not look like a table that is empty. */
export function noteNotCopied(
  tables: Iterable<CopiedName>,
  context: Parameters<typeof noteGap>[0],
  reason: string,
): void {
  for (const table of tables) noteGap(context, `final_${table}`, `Airflow's table ${table} was not copied: ${reason}`);
}

/** It is not the database that failed. */
class RecorderError extends Error {}

interface Copying extends SnapshotOptions, Pick<Copied, 'timeoutMs'> {
  /** Tables that are not done yet. */
  readonly left: Set<CopiedName>;
}

async function copyTables(
  client: pg.Client,
  { dagIds, isShared, clock, timeoutMs, left }: Copying,
  record: Recorder,
): Promise<void> {
  const { copied } = await readAirflowSchema(client);
  const { there, readable } = await tablesOf(client, copied);
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  for (const table of copied) {
    const { name, reads } = table;
    if (reads.every((one) => readable.has(one))) {
      await client.query('SAVEPOINT before');
      try {
        await copyTable(client, { table, dagIds, isShared, timeoutMs }, record);
      } catch (error) {
        if (!(error instanceof pg.DatabaseError)) throw error;
        const problem = `the copy of Airflow's table ${name} is incomplete: ${reasonOf(error)}`;
        noteGap({ record, clock }, `final_${name}`, problem);
        left.delete(name);
        await client.query('ROLLBACK TO SAVEPOINT before');
      }
    } else if (reads.every((one) => there.has(one))) {
      noteNotCopied([name], { record, clock }, 'the user of the DSN may not read it');
    }
    left.delete(name);
  }
  await client.query('COMMIT');
}

interface Copied extends Pick<SnapshotOptions, 'dagIds' | 'isShared'> {
  readonly table: CopiedTable;
  /** For the next statement. */
  timeoutMs(): number;
}

async function copyTable(
  client: pg.Client,
  { table: { name, table, renamed, names, from, where }, dagIds, isShared, timeoutMs }: Copied,
  record: Recorder,
): Promise<void> {
  const limit = () => client.query(`SET LOCAL statement_timeout = ${timeoutMs()}`);
  await limit();
  const { rows: columns } = await client.query<{ column_name: string }>(
    `SELECT column_name FROM information_schema.columns
      WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position`,
    [table],
  );
  const own = columns
    .filter(({ column_name }) => !LEFT_OUT.has(column_name))
    .map(({ column_name }) => `t."${column_name}" AS "${renamed.get(column_name) ?? column_name}"`);
  // `to_json` gives each type the text that PostgreSQL prints; the driver's Date would lose microseconds.
  await client.query(
    `DECLARE rows NO SCROLL CURSOR FOR
     SELECT to_json(t) AS row FROM (
       SELECT ${[...names, ...own].join(', ')} FROM ${from} WHERE ${where(isShared)}) t`,
    [dagIds],
  );
  for (;;) {
    await limit();
    const { rows } = await client.query<{ row: object }>(`FETCH ${BATCH} FROM rows`);
    if (rows.length === 0) break;
    try {
      for (const { row } of rows) record.append(`final_${name}`, row);
      await record.flush();
    } catch (error) {
      throw new RecorderError('', { cause: error });
    }
  }
  await client.query('CLOSE rows');
}

/** A user of a target may not be allowed to read all of them: what is not copied is `unknown` where it is needed. */
async function tablesOf(
  client: pg.Client,
  copied: readonly CopiedTable[],
): Promise<Record<'there' | 'readable', ReadonlySet<string>>> {
  const { rows } = await client.query<{ name: string; readable: boolean }>(
    `SELECT c.relname AS name, has_table_privilege(c.oid, 'SELECT') AS readable
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND c.relname = ANY ($1)`,
    [copied.flatMap(({ reads }) => reads)],
  );
  const names = (those: typeof rows) => new Set(those.map(({ name }) => name));
  return { there: names(rows), readable: names(rows.filter(({ readable }) => readable)) };
}
