import { tmpdir } from 'node:os';
import path from 'node:path';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Manifest } from '../model/manifest.ts';
import { identifier, literal } from '../run-folder/files.ts';
import { type RunTable, runTables } from '../run-folder/reader.ts';
import { Bounds, memoryLimit } from './bounds.ts';
import { createStretchTable, onRunClock, readStretches } from './clock-stretches.ts';
import { type LiteralRun, literalManifest, literalTables } from './literal-run.ts';
import { createManifestTables } from './manifest-tables.ts';
import { type OpenRun, rowsOf, runOver, SETTINGS } from './open-run.ts';
import { lockDown } from './outside-sql.ts';
import { readViewFiles, type ViewFile, Views } from './views.ts';

type Rows = readonly object[];

/** Replaced with each run. */
const MANIFEST_TABLES: ReadonlySet<string> = new Set([
  'manifest',
  'plan',
  'plan_dags',
  'plan_pools',
  'recorded',
  'clock_stretches',
]);

/**
 * A database in memory that holds one literal run after another. Its views are made once, which takes ten times as long
 * as what a literal run is judged for.
 */
export class LiteralDatabase {
  readonly #database: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #empty: ReadonlyMap<string, RunTable>;
  readonly #files: readonly ViewFile[];
  #views: Views;
  readonly #filled = new Set<string>();
  /** Columns and types of each table; reading them takes longer than filling it. */
  readonly #types: ReadonlyMap<string, ReadonlyMap<string, string>>;
  #manifest = '';

  static async create(): Promise<LiteralDatabase> {
    const database = await DuckDBInstance.create(':memory:', {
      ...SETTINGS,
      threads: '1',
      memory_limit: memoryLimit(),
    });
    const connection = await database.connect();
    await connection.run("SET TimeZone = 'UTC'");
    // Of a folder that is not there: every table that a run has, without rows.
    const tables = await runTables(connection, path.join(tmpdir(), 'windtunnel-no-run'));
    for (const { name, select } of tables) await connection.run(`CREATE TABLE ${identifier(name)} AS ${select}`);
    await lockDown(connection, []);
    return new LiteralDatabase(database, connection, tables, await readTypes(connection), await readViewFiles());
  }

  private constructor(
    database: DuckDBInstance,
    connection: DuckDBConnection,
    tables: readonly RunTable[],
    types: ReadonlyMap<string, ReadonlyMap<string, string>>,
    files: readonly ViewFile[],
  ) {
    this.#database = database;
    this.#connection = connection;
    this.#empty = new Map(tables.map((table) => [table.name, table]));
    this.#types = types;
    this.#files = files;
    this.#views = new Views(connection, files);
  }

  /** The run opened; what it was, until the next `clear`. */
  async fill(manifest: Manifest, given: Readonly<Record<string, Rows | undefined>>, bounds: Bounds): Promise<OpenRun> {
    bounds.bound(this.#connection);
    const tables: RunTable[] = [];
    for (const table of this.#empty.values()) {
      const rows = given[table.name];
      if (rows) await this.#fillTable(table, rows);
      tables.push(rows ? { ...table, source: 'raw' } : table);
    }
    const key = JSON.stringify([manifest, tables.map(({ source }) => source)]);
    if (key !== this.#manifest) await createManifestTables(this.#connection, manifest, tables);
    this.#manifest = key;
    await this.#convertTimes();
    return runOver({
      folder: 'literal',
      manifest,
      tables,
      // One judges few rows, and tests judge many at a time.
      isSmall: false,
      database: this.#database,
      connection: this.#connection,
      views: this.#views,
      bounds,
      close: async () => {},
    });
  }

  /** As a run that is opened from its folder has them. */
  async #convertTimes(): Promise<void> {
    const clocks = await readStretches(this.#connection);
    for (const name of this.#filled) {
      const select = `FROM ${identifier(name)}`;
      const converted = onRunClock(name, select, clocks);
      if (converted !== select)
        await this.#connection.run(`CREATE OR REPLACE TABLE ${identifier(name)} AS ${converted}`);
    }
    await createStretchTable(this.#connection, clocks);
  }

  /** Takes away whatever the run and its judging have left. */
  async clear(): Promise<void> {
    const tables = await rowsOf(this.#connection, 'SELECT table_name FROM duckdb_tables()');
    for (const { table_name } of tables) {
      const name = String(table_name);
      if (this.#empty.has(name) || MANIFEST_TABLES.has(name)) continue;
      await this.#connection.run(`DROP TABLE ${identifier(name)}`);
    }
    for (const name of this.#filled) {
      await this.#connection.run(`CREATE OR REPLACE TABLE ${identifier(name)} AS ${this.#empty.get(name)?.select}`);
    }
    this.#filled.clear();
    const views = await rowsOf(this.#connection, 'SELECT view_name FROM duckdb_views() WHERE NOT internal');
    // A view that judging replaced by a table is gone with it.
    const there = new Set(views.map(({ view_name }) => String(view_name)));
    const isWhole = ({ name, creates }: ViewFile) =>
      this.#views.made.has(name) &&
      [...creates].every(([object, kind]) => kind === 'MACRO' || (kind === 'VIEW' && there.has(object)));
    const whole = this.#files.filter(isWhole);
    this.#views = new Views(this.#connection, this.#files, { made: whole.map(({ name }) => name) });
  }

  /** As a reader of lines does it: a table's own columns have their types, others that Airflow has are text. */
  async #fillTable({ name }: RunTable, rows: Rows): Promise<void> {
    this.#filled.add(name);
    const types = new Map(this.#types.get(name));
    if (name.startsWith('final_')) {
      for (const row of rows) for (const column of Object.keys(row)) types.set(column, types.get(column) ?? 'VARCHAR');
    }
    const columns = [...types].map(([column, type]) => {
      const path = literal(`$.${JSON.stringify(column)}`);
      const value = type === 'JSON' ? `row -> ${path}` : `try_cast(row ->> ${path} AS ${type})`;
      return `${value} AS ${identifier(column)}`;
    });
    await this.#connection.run(
      `CREATE OR REPLACE TABLE ${identifier(name)} AS
       SELECT ${columns.join(', ')} FROM (SELECT unnest(from_json($1, '["JSON"]')) AS row)`,
      [JSON.stringify(rows)],
    );
  }
}

async function readTypes(connection: DuckDBConnection): Promise<Map<string, Map<string, string>>> {
  const rows = await rowsOf(
    connection,
    'SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY column_index',
  );
  const tables = new Map<string, Map<string, string>>();
  for (const { table_name, column_name, data_type } of rows) {
    const columns = tables.get(String(table_name)) ?? new Map<string, string>();
    tables.set(String(table_name), columns.set(String(column_name), String(data_type)));
  }
  return tables;
}

/** Databases that hold no run at the moment. */
const idle: LiteralDatabase[] = [];

/** A run written by hand, opened without a folder, and taken away again. */
export async function withLiteralRun<T>(run: LiteralRun, use: (open: OpenRun) => Promise<T>): Promise<T> {
  const manifest = literalManifest(run);
  const database = idle.pop() ?? (await LiteralDatabase.create());
  const bounds = new Bounds('The SQL', undefined);
  const result = await database
    .fill(manifest, literalTables(run), bounds)
    .then(use)
    .catch((error: unknown) => {
      throw bounds.over ?? error;
    })
    .finally(() => bounds.close());
  // Not after a failure: what a test broke must not break the next one.
  await database.clear();
  idle.push(database);
  return result;
}
