import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

import { messageOf, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import { identifier, literal } from '../run-folder/files.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { damaged, type RunTable, runTables } from '../run-folder/reader.ts';
import { planDags, planFacts } from './plan-facts.ts';

/** Judging shares the machine with whatever else runs there; beyond this DuckDB spills to disk, or gives up. */
const MEMORY = '512MB';
const SETTINGS = {
  threads: '2',
  autoinstall_known_extensions: 'false',
  preserve_insertion_order: 'false',
  // What is guessed to be few rows may be many, and then ASOF joins in loops would compare each with all.
  asof_loop_join_threshold: '0',
} as const;

/** In this order, because a view may read the ones before it. */
const VIEWS = [
  'macros',
  'load',
  'lost_runs',
  'standstills',
  'fault_windows',
  'pauses',
  'cut_windows',
  'task_instance_changes',
  'taken_back',
  'taken_as_failure',
  'signs_of_life',
  'requests_known',
  'left_running',
  'given_up',
  'dag_run_changes',
  'backfill_changes',
  'backfill_lives',
  'operator_deeds',
  'skips',
  'refusals',
  'writers',
  'deadlocks',
  'over_time',
  'fault_effects',
] as const;

/**
 * What the commits prove, in this order after the views above. They stand on each other and take longer than all others,
 * so they are tables, made when they are first asked for.
 */
const EVIDENCE = [
  'effects',
  'record',
  'carried_out',
  'deadlock_sides',
  'dossiers',
  'settled',
  'refusal_classes',
] as const;
const ASKS_FOR_EVIDENCE = new RegExp(`\\b(${EVIDENCE.join('|')})\\b`, 'i');

/** A cell as JSON can hold it. */
export type Cell = string | number | boolean | null | readonly Cell[] | { readonly [name: string]: Cell };
export type Row = Readonly<Record<string, Cell>>;

/** A stored run, opened for SQL. */
export interface OpenRun {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Each table of the run format, and where it is read from; `source` is null where it was not recorded. */
  readonly tables: readonly RunTable[];
  rows(sql: string): Promise<Row[]>;
  /** The first row. */
  row(sql: string): Promise<Row>;
  /** Works a view out once and for all: worth it before it is read many times. */
  materialise(view: string): Promise<void>;
  /** Makes what a statement reads and is not made at once. `rows` and `row` do it themselves. */
  prepare(sql: string): Promise<void>;
  /** A second connection to the same tables, with temporary tables of its own. */
  connect(): Promise<DuckDBConnection>;
  close(): Promise<void>;
}

export async function openRun(runFolder: string): Promise<OpenRun> {
  const manifest = await readManifest(runFolder);
  const spill = await mkdtemp(path.join(tmpdir(), 'windtunnel-judge-'));
  // In a file, because tables in memory are neither compressed nor part of what can be spilled cheaply.
  const file = path.join(spill, 'run.duckdb');
  const database = await DuckDBInstance.create(file, {
    ...SETTINGS,
    memory_limit: memoryLimit(),
    temp_directory: spill,
  });
  const connection = await database.connect();
  const close = async () => {
    connection.closeSync();
    database.closeSync();
    await rm(spill, { recursive: true, force: true });
  };
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const tables = await createTables(connection, runFolder);
    await createManifestTables(connection, manifest, tables);
    await createViews(connection, VIEWS);
    let evidence: Promise<void> | undefined;
    const prepare = async (sql: string) => {
      if (!ASKS_FOR_EVIDENCE.test(sql)) return;
      evidence ??= createViews(connection, EVIDENCE);
      await evidence;
    };
    const rows = async (sql: string) => {
      await prepare(sql);
      return rowsOf(connection, sql);
    };
    return {
      folder: runFolder,
      manifest,
      tables,
      rows,
      row: async (sql) => (await rows(sql))[0] ?? {},
      prepare,
      materialise: async (view) => {
        await connection.run(`CREATE TABLE materialised AS FROM ${identifier(view)}`);
        await connection.run(`DROP VIEW ${identifier(view)}`);
        await connection.run(`ALTER TABLE materialised RENAME TO ${identifier(view)}`);
      },
      connect: () => database.connect(),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Some rows of an answer; every piece names the columns, and the first one comes even if there are no rows. */
export interface Answer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** What `windtunnel query RUN SQL` prints, piece by piece: a table of a long run does not fit into memory. */
export async function* queryRun(runFolder: string, sql: string): AsyncGenerator<Answer> {
  const run = await openRun(runFolder);
  try {
    await run.prepare(sql);
    const connection = await run.connect();
    try {
      const result = await connection.stream(sql);
      const columns = result.deduplicatedColumnNames();
      yield { columns, rows: [] };
      for await (const rows of result.yieldRowsJs()) yield { columns, rows: rows.map((row) => row.map(cellOf)) };
    } catch (error) {
      throw new UsageError(`The SQL was not understood: ${messageOf(error)}`, { cause: error });
    } finally {
      connection.closeSync();
    }
  } finally {
    await run.close();
  }
}

export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<Row[]> {
  const result = await connection.runAndReadAll(sql);
  return result.getRowObjectsJS().map((row) => cellOf(row) as Row);
}

async function createTables(connection: DuckDBConnection, runFolder: string): Promise<RunTable[]> {
  const tables: RunTable[] = [];
  for (const table of await runTables(connection, runFolder)) {
    tables.push(await createTable(connection, runFolder, table));
  }
  return tables;
}

async function createTable(connection: DuckDBConnection, runFolder: string, found: RunTable): Promise<RunTable> {
  // Lines are parsed once; Parquet is read where a query needs it.
  const create = ({ name, source, select }: RunTable) =>
    connection.run(`CREATE ${source === 'parquet' ? 'VIEW' : 'TABLE'} ${identifier(name)} AS ${select}`);
  try {
    await create(found);
    return found;
  } catch (error) {
    // The run may have been closed since it was found: the lines are gone, and the Parquet file is there.
    const now = (await runTables(connection, runFolder)).find(({ name }) => name === found.name);
    if (!now || now.source === found.source) throw damaged(found.name, runFolder, error);
    await create(now);
    return now;
  }
}

/** What DuckDB may take. */
function memoryLimit(): string {
  const { WINDTUNNEL_MEMORY: wanted = MEMORY } = process.env;
  if (/^\d+(\.\d+)? ?[MG]i?B$/i.test(wanted)) return wanted;
  throw new UsageError(`WINDTUNNEL_MEMORY must be a size such as 512MB or 4GB, not "${wanted}".`);
}

/**
 * What to say of a run whose judging failed: which table cannot be read to its end, if that is why. Only asked then,
 * because it reads everything: the footer of a Parquet file may be whole where what it describes is not.
 */
export async function explained(run: OpenRun, error: unknown): Promise<unknown> {
  if (/^Out of Memory Error/.test(messageOf(error))) {
    return new UsageError(
      `${run.folder} is too large to be judged in ${memoryLimit()} of memory: allow more, as in WINDTUNNEL_MEMORY=4GB.`,
      { cause: error },
    );
  }
  for (const { name, source } of run.tables) {
    if (source !== 'parquet') continue;
    try {
      await run.rows(`SELECT max(hash(one)) AS all_of_it FROM ${identifier(name)} AS one`);
    } catch (reason) {
      return damaged(name, run.folder, reason);
    }
  }
  return error;
}

/** The manifest as tables: `manifest` and `plan` of one row each, `plan_dags`, and `recorded` with a row for each table. */
async function createManifestTables(
  connection: DuckDBConnection,
  manifest: Manifest,
  tables: readonly RunTable[],
): Promise<void> {
  const { scenario, seed } = manifest.plan;
  const shown = { ...manifest, scenario: scenario.name, seed, plan: null, identity: null, machine: null };
  const types =
    '{"id": "VARCHAR", "build": "VARCHAR", "scenario": "VARCHAR", "seed": "BIGINT", "windtunnel": "VARCHAR", ' +
    '"started_at": "VARCHAR", "writers": "VARCHAR", "load_started_ms": "DOUBLE", "load_ended_ms": "DOUBLE", ' +
    '"ended_ms": "DOUBLE", "ended": "VARCHAR"}';
  await connection.run(`CREATE TABLE manifest AS SELECT unnest(from_json($1, $2)), $3::JSON AS json`, [
    JSON.stringify(shown),
    types,
    JSON.stringify(manifest),
  ]);
  await connection.run('CREATE TABLE plan AS SELECT unnest(from_json($1, $2))', [
    JSON.stringify(planFacts(manifest)),
    '{"duration_ms": "DOUBLE", "schedulers": "INTEGER", "api_servers": "INTEGER", "heartbeat_ms": "DOUBLE", ' +
      '"request_timeout_ms": "DOUBLE", "heartbeat_timeout_ms": "DOUBLE", "queued_timeout_ms": "DOUBLE", "pool_slots": "INTEGER", ' +
      '"backfill_orphan_ms": "DOUBLE", "planned_kinds": ["VARCHAR"]}',
  ]);
  await connection.run('CREATE TABLE plan_dags AS SELECT unnest(dag) FROM (SELECT unnest(from_json($1, $2)) AS dag)', [
    JSON.stringify(planDags(manifest)),
    '[{"dag_id": "VARCHAR", "max_active_runs": "INTEGER", "max_active_tasks": "INTEGER", "past_runs": "INTEGER", ' +
      '"tasks": [{"task_id": "VARCHAR", "upstream": ["VARCHAR"], "trigger_rule": "VARCHAR", "retries": "INTEGER", ' +
      '"mapped": "INTEGER"}]}]',
  ]);
  const values = tables.map(({ name, source }) => `(${literal(name)}, ${source ? literal(source) : 'NULL'})`);
  await connection.run(`CREATE TABLE recorded AS FROM (VALUES ${values.join(', ')}) AS t(name, source)`);
}

async function createViews(connection: DuckDBConnection, names: readonly string[]): Promise<void> {
  for (const name of names) await connection.run(await readView(name));
}

async function readView(name: string): Promise<string> {
  return readFile(new URL(`./views/${name}.sql`, import.meta.url), 'utf8');
}

function cellOf(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(cellOf);
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cellOf(member)]));
  }
  return String(value);
}
