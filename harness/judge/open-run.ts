import path from 'node:path';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

import { messageOf, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import { filePattern, identifier, parquetFile } from '../run-folder/files.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { damaged, type RunTable, runTables } from '../run-folder/reader.ts';
import { makeScratchFolder, noRoom, removeScratchFolder } from '../system/scratch-folder.ts';
import { Bounds, diskLimit, memoryLimit } from './bounds.ts';
import { type Clocks, createStretchTable, onRunClock, readStretches } from './clock-stretches.ts';
import { createManifestTables } from './manifest-tables.ts';
import { lockDown } from './outside-sql.ts';
import { withShortTypes } from './short-types.ts';
import { readViewFiles, Views } from './views.ts';

/**
 * A run of some minutes. Most of the time that DuckDB takes for it goes into planning, not into rows, so tables and
 * views are worked out once, in memory, and two invariants are judged at a time, each by one thread.
 */
const ROWS_OF_SMALL = 100_000;
export const SETTINGS = {
  autoinstall_known_extensions: 'false',
  preserve_insertion_order: 'false',
  // What is guessed to be few rows may be many, and then ASOF joins in loops would compare each with all.
  asof_loop_join_threshold: '0',
  // Trying these takes a third of the time that a table takes to be written, and they save an eighth of its size.
  disabled_compression_methods: 'fsst,alp,alprd,chimp,patas,zstd',
} as const;

/** A cell as JSON can hold it. */
export type Cell = string | number | boolean | null | readonly Cell[] | { readonly [name: string]: Cell };
export type Row = Readonly<Record<string, Cell>>;

/** A stored run, opened for SQL. */
export interface OpenRun {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Each table of the run format, and where it is read from; `source` is null where it was not recorded. */
  readonly tables: readonly RunTable[];
  /** So few rows that memory for several queries at a time is no question. */
  readonly isSmall: boolean;
  rows(sql: string): Promise<Row[]>;
  /** The first row. */
  row(sql: string): Promise<Row>;
  /** Whether a table or view has no row; asked of DuckDB once. */
  isEmpty(table: string): Promise<boolean>;
  /** Works a view out once and for all: worth it before it is read many times. */
  materialise(view: string): Promise<void>;
  /** Makes the views that a statement reads, or all. `rows` and `row` do it themselves. */
  prepare(sql?: string): Promise<void>;
  /** Names of what a statement reads, by itself or by way of views. */
  reads(sql: string): Promise<ReadonlySet<string>>;
  /** Why no query comes to its end any more: judging has taken what it may. Undefined until then. */
  readonly over: UsageError | undefined;
  /** A second connection to the same tables, with temporary tables of its own. */
  connect(): Promise<DuckDBConnection>;
  close(): Promise<void>;
}

export async function openRun(runFolder: string): Promise<OpenRun> {
  const manifest = await readManifest(runFolder);
  const spill = makeScratchFolder();
  const bounds = new Bounds(runFolder, spill);
  let opened: Awaited<ReturnType<typeof openDatabase>> | undefined;
  const close = async () => {
    bounds.close();
    opened?.close();
    await removeScratchFolder(spill);
  };
  try {
    opened = await openDatabase(':memory:', spill, 1);
    bounds.bound(opened.connection);
    let found: readonly RunTable[] = await runTables(opened.connection, runFolder);
    const isSmall = found.reduce((sum, { rows }) => sum + rows, 0) <= ROWS_OF_SMALL;
    if (!isSmall) {
      opened.close();
      // In a file, because tables in memory are neither compressed nor part of what can be spilled cheaply.
      opened = await openDatabase(path.join(spill, 'run.duckdb'), spill, 2);
      bounds.bound(opened.connection);
      found = await withShortTypes(opened.connection, runFolder, found);
    }
    const { database, connection } = opened;
    const tables: RunTable[] = [];
    // What was read of other clocks comes first: the times in other tables are converted by it.
    const inOrder = found.toSorted((x, y) => Number(y.name === 'samples') - Number(x.name === 'samples'));
    let clocks: Clocks = new Map();
    for (const table of inOrder) {
      tables.push(await createTable(connection, { runFolder, table, isSmall, clocks }));
      if (table.name === 'samples') clocks = await readStretches(connection);
    }
    await createStretchTable(connection, clocks);
    await createManifestTables(connection, manifest, tables);
    const views = new Views(connection, await readViewFiles(), { asTables: isSmall });
    await lockDown(connection, isSmall ? [] : filesOf(runFolder, tables));
    return runOver({ folder: runFolder, manifest, tables, isSmall, database, connection, views, bounds, close });
  } catch (error) {
    const { over } = bounds;
    await close();
    throw over ?? (isFull(error) ? new UsageError(noRoom('no space left'), { cause: error }) : error);
  }
}

/** What the views read, as DuckDB opens it and as they name it. */
function filesOf(runFolder: string, tables: readonly RunTable[]): string[] {
  const closed = tables.filter(({ source }) => source === 'parquet').map(({ name }) => parquetFile(runFolder, name));
  return [...new Set(closed.flatMap((file) => [file, filePattern(file)]))];
}

function isFull(error: unknown): boolean {
  return /ENOSPC|EDQUOT|No space left|quota exceeded/i.test(messageOf(error));
}

async function openDatabase(file: string, spill: string, threads: number) {
  const database = await DuckDBInstance.create(file, {
    ...SETTINGS,
    threads: String(threads),
    memory_limit: memoryLimit(),
    temp_directory: spill,
    max_temp_directory_size: diskLimit().text,
  });
  const connection = await database.connect();
  await connection.run("SET TimeZone = 'UTC'");
  // The database lives no longer than the process: nothing of it needs to be on disk in order.
  await connection.run("SET checkpoint_threshold = '1TB'; PRAGMA disable_checkpoint_on_shutdown");
  const close = () => {
    connection.closeSync();
    database.closeSync();
  };
  return { database, connection, close };
}

interface Opened extends Pick<OpenRun, 'folder' | 'manifest' | 'tables' | 'isSmall' | 'close'> {
  readonly database: DuckDBInstance;
  readonly connection: DuckDBConnection;
  readonly views: Views;
  readonly bounds: Bounds;
}

/** A database that holds the tables of a run and the views over them, as an open run. */
export function runOver({ database, connection, views, bounds, ...run }: Opened): OpenRun {
  const rows = async (sql: string) => {
    await views.prepare(sql);
    return rowsOf(connection, sql);
  };
  const empty = new Map<string, Promise<boolean>>();
  const isEmpty = async (table: string) => {
    const [row] = await rows(`SELECT count(*) AS rows FROM (SELECT 1 FROM ${identifier(table)} LIMIT 1)`);
    return row?.rows === 0;
  };
  return {
    ...run,
    rows,
    row: async (sql) => (await rows(sql))[0] ?? {},
    isEmpty: (table) => {
      const known = empty.get(table) ?? isEmpty(table);
      empty.set(table, known);
      return known;
    },
    prepare: (sql) => views.prepare(sql),
    reads: async (sql) => views.reads(sql),
    materialise: async (view) => {
      await views.prepare(view);
      if (views.asTables) return;
      await connection.run(`CREATE TABLE materialised AS FROM ${identifier(view)}`);
      await connection.run(`DROP VIEW ${identifier(view)}`);
      await connection.run(`ALTER TABLE materialised RENAME TO ${identifier(view)}`);
    },
    connect: async () => bounds.bound(await database.connect()),
    get over() {
      return bounds.over;
    },
  };
}

export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<Row[]> {
  const result = await connection.runAndReadAll(sql);
  return result.getRowObjectsJS().map((row) => cellOf(row) as Row);
}

interface Wanted {
  readonly runFolder: string;
  readonly table: RunTable;
  readonly isSmall: boolean;
  readonly clocks: Clocks;
}

async function createTable(
  connection: DuckDBConnection,
  { runFolder, table: found, isSmall, clocks }: Wanted,
): Promise<RunTable> {
  // Lines are parsed once; the Parquet of a large run is read where a query needs it.
  const create = ({ name, source, select }: RunTable) => {
    const kind = source === 'parquet' && !isSmall ? 'VIEW' : 'TABLE';
    return connection.run(`CREATE ${kind} ${identifier(name)} AS ${onRunClock(name, select, clocks)}`);
  };
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

/**
 * What to say of a run that could not be judged: which table cannot be read to its end, if that is why. Called only
 * then, because it reads everything: the footer of a Parquet file may be whole where what it describes is not.
 */
export async function explained(run: OpenRun, error: unknown): Promise<unknown> {
  if (run.over) return run.over;
  if (isFull(error)) return new UsageError(noRoom('no space left'), { cause: error });
  if (/max_temp_directory_size/.test(messageOf(error))) {
    const { text } = diskLimit();
    return new UsageError(
      `${run.folder} took more than ${text} of the disk: allow more, as in WINDTUNNEL_DISK=100GB.`,
      {
        cause: error,
      },
    );
  }
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

export function cellOf(value: unknown): Cell {
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
