import { existsSync, statSync } from 'node:fs';

import type { DuckDBConnection } from '@duckdb/node-api';

import { reasonOf, UsageError } from '../model/errors.ts';
import { FINAL_TABLES, TABLE_NAMES, TABLES, type TableName } from '../model/tables.ts';
import { fileLiteral, identifier, linesFile, literal, parquetFile } from './files.ts';

type Columns = Readonly<Record<string, string>>;

/**
 * The columns of Airflow's own tables that are more than text to us. All others are text: their types change between
 * Airflow's versions, and what DuckDB detects changes with the rows that happen to be there.
 */
const FINAL_TYPES: Columns = {
  map_index: 'INTEGER',
  try_number: 'INTEGER',
  max_tries: 'INTEGER',
  duration: 'DOUBLE',
  backfill_id: 'BIGINT',
  dag_run_id: 'BIGINT',
  clear_number: 'INTEGER',
  version_number: 'INTEGER',
};

/** Columns that invariants read, so they exist (as NULL) whatever Airflow's version has. */
const FINAL_WANTED: Record<(typeof FINAL_TABLES)[number], readonly string[]> = {
  task_instance: ['id', 'dag_id', 'run_id', 'task_id', 'map_index', 'state', 'try_number', 'trigger_id'],
  task_instance_history: ['task_instance_id', 'dag_id', 'run_id', 'task_id', 'map_index', 'state', 'try_number'],
  dag_run: ['id', 'dag_id', 'run_id', 'state', 'run_type', 'backfill_id', 'conf'],
  backfill: ['id', 'dag_id', 'completed_at', 'created_at'],
  backfill_dag_run: ['id', 'backfill_id', 'dag_run_id', 'exception_reason'],
  rendered_task_instance_fields: ['dag_id', 'run_id', 'task_id', 'map_index', 'rendered_fields'],
  dag_version: ['id', 'dag_id', 'version_number'],
  dag: ['dag_id', 'is_paused'],
  trigger: ['id', 'classpath', 'created_date'],
  xcom: ['dag_id', 'run_id', 'task_id', 'map_index', 'key', 'value'],
  log: ['event', 'dag_id', 'run_id', 'task_id', 'map_index', 'try_number'],
};

/** Where a table of a run is read from: Parquet once the run is closed, `raw` lines before; null if it has neither. */
export interface RunTable {
  readonly name: string;
  readonly source: 'parquet' | 'raw' | null;
  /** A SELECT that gives the table with all its columns. */
  readonly select: string;
  /** How many rows it has; of lines an estimate. */
  readonly rows: number;
}

/** What the footer of a Parquet file says. */
interface Footer {
  readonly columns: ReadonlySet<string>;
  readonly rows: number;
}

/** The shortest lines, of samples, have 70 bytes; those of operations and commits some 600. */
const BYTES_A_LINE = 300;

export async function runTables(connection: DuckDBConnection, runFolder: string): Promise<RunTable[]> {
  const names = [...TABLE_NAMES, ...FINAL_TABLES.map((name) => `final_${name}`)];
  const footers = await readFooters(connection, runFolder, names);
  const tables = TABLE_NAMES.map((name) => typedTable(runFolder, name, footers.get(name)));
  for (const name of FINAL_TABLES) {
    tables.push(await finalTable(connection, runFolder, name, footers.get(`final_${name}`)));
  }
  return tables;
}

/** Of the tables that are closed: all at once, because each question costs DuckDB as long as all of them. */
async function readFooters(
  connection: DuckDBConnection,
  runFolder: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Footer>> {
  const closed = names.filter((name) => existsSync(parquetFile(runFolder, name)));
  if (closed.length === 0) return new Map();
  try {
    return await footersOf(connection, runFolder, closed);
  } catch (error) {
    // One at a time, to say which of them it is.
    for (const name of closed) {
      await footersOf(connection, runFolder, [name]).catch((reason: unknown) => {
        throw damaged(name, runFolder, reason);
      });
    }
    throw error;
  }
}

async function footersOf(
  connection: DuckDBConnection,
  runFolder: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Footer>> {
  const files = `[${names.map((name) => fileLiteral(parquetFile(runFolder, name))).join(', ')}]`;
  const found = await connection.runAndReadAll(`
    SELECT file_name, list(name) AS columns, any_value(num_rows) AS rows
    FROM parquet_schema(${files}) JOIN parquet_file_metadata(${files}) USING (file_name)
    -- Of the root, which stands for the table.
    WHERE num_children IS NULL
    GROUP BY file_name`);
  const rows = new Map(found.getRowObjectsJS().map((row) => [String(row.file_name), row]));
  return new Map(
    names.map((name) => {
      const row = rows.get(parquetFile(runFolder, name));
      const columns = Array.isArray(row?.columns) ? row.columns.map(String) : [];
      return [name, { columns: new Set(columns), rows: Number(row?.rows ?? 0) }];
    }),
  );
}

function typedTable(runFolder: string, name: TableName, footer: Footer | undefined): RunTable {
  if (!footer) {
    const lines = linesFile(runFolder, name);
    if (!existsSync(lines)) return nothing(name, TABLES[name]);
    return { name, source: 'raw', select: typedLines(name, lines), rows: rowsOfLines(lines) };
  }
  // A column that an older writer did not have is NULL, not an error.
  const columns = Object.entries(TABLES[name]).map(([column, type]) =>
    footer.columns.has(column) ? identifier(column) : `NULL::${type} AS ${identifier(column)}`,
  );
  const file = fileLiteral(parquetFile(runFolder, name));
  return {
    name,
    source: 'parquet',
    select: `SELECT ${columns.join(', ')} FROM read_parquet(${file})`,
    rows: footer.rows,
  };
}

function rowsOfLines(file: string): number {
  return Math.ceil(statSync(file).size / BYTES_A_LINE);
}

/** `ignore_errors`, because `kill -9` cuts the last line: it becomes a row of NULLs, also in the first column. */
function typedLines(name: TableName, file: string): string {
  const columns = Object.entries(TABLES[name]);
  const types = columns.map(([column, type]) => `${identifier(column)}: ${literal(type)}`);
  const [[key] = ['']] = columns;
  return (
    `SELECT * FROM read_json(${fileLiteral(file)}, columns = {${types.join(', ')}}, ` +
    `format = 'newline_delimited', ignore_errors = true) WHERE ${identifier(key)} IS NOT NULL`
  );
}

async function finalTable(
  connection: DuckDBConnection,
  runFolder: string,
  table: (typeof FINAL_TABLES)[number],
  footer: Footer | undefined,
): Promise<RunTable> {
  const name = `final_${table}`;
  const wanted = Object.fromEntries(FINAL_WANTED[table].map((column) => [column, FINAL_TYPES[column] ?? 'VARCHAR']));
  // A column that an older writer did not have is NULL, not an error.
  const withAll = (rows: string, there: ReadonlySet<string>) => {
    const missing = Object.entries(wanted).filter(([column]) => !there.has(column));
    const added = missing.map(([column, type]) => `, NULL::${type} AS ${identifier(column)}`).join('');
    return `SELECT *${added} FROM ${rows}`;
  };
  if (footer) {
    const rows = `read_parquet(${fileLiteral(parquetFile(runFolder, name))})`;
    return { name, source: 'parquet', select: withAll(rows, footer.columns), rows: footer.rows };
  }
  const lines = linesFile(runFolder, name);
  if (!existsSync(lines)) return nothing(name, wanted);
  try {
    const rows = `(${await textLines(connection, lines)})`;
    const there = await columnsOf(connection, `SELECT * FROM ${rows}`);
    return { name, source: 'raw', select: withAll(rows, there), rows: rowsOfLines(lines) };
  } catch (error) {
    throw damaged(name, runFolder, error);
  }
}

function nothing(name: string, wanted: Columns): RunTable {
  const none = Object.entries(wanted).map(([column, type]) => `NULL::${type} AS ${identifier(column)}`);
  return { name, source: null, select: `SELECT ${none.join(', ')} WHERE false`, rows: 0 };
}

export function damaged(table: string, runFolder: string, error: unknown): UsageError {
  return new UsageError(
    `The table ${table} of ${runFolder} cannot be read (${reasonOf(error)}): it was damaged; repeat the run.`,
    { cause: error },
  );
}

/** Airflow's own rows: the columns are those of the file, nested values and ids as text. */
async function textLines(connection: DuckDBConnection, lines: string): Promise<string> {
  const rows =
    `read_json(${fileLiteral(lines)}, format = 'newline_delimited', ` +
    'maximum_depth = 1, sample_size = -1, ignore_errors = true)';
  const columns = [...(await columnsOf(connection, `SELECT * FROM ${rows}`))];
  const selected = columns.map((column) => {
    const text = `(${identifier(column)} ->> '$')`;
    const type = FINAL_TYPES[column];
    return `${type ? `try_cast(${text} AS ${type})` : text} AS ${identifier(column)}`;
  });
  const cutOff = columns.map((column) => `${identifier(column)} IS NULL`).join(' AND ');
  return `SELECT ${selected.join(', ')} FROM ${rows} WHERE NOT (${cutOff})`;
}

async function columnsOf(connection: DuckDBConnection, select: string): Promise<Set<string>> {
  const described = await connection.runAndReadAll(`DESCRIBE ${select}`);
  return new Set(described.getRowObjectsJS().map((row) => String(row.column_name)));
}
