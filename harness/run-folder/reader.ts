import { existsSync } from 'node:fs';

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
  dag_run: ['id', 'dag_id', 'run_id', 'state', 'run_type', 'backfill_id'],
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
}

export async function runTables(connection: DuckDBConnection, runFolder: string): Promise<RunTable[]> {
  const tables: RunTable[] = [];
  for (const name of TABLE_NAMES) tables.push(await typedTable(connection, runFolder, name));
  for (const name of FINAL_TABLES) tables.push(await finalTable(connection, runFolder, name));
  return tables;
}

async function typedTable(connection: DuckDBConnection, runFolder: string, name: TableName): Promise<RunTable> {
  const parquet = parquetFile(runFolder, name);
  const lines = linesFile(runFolder, name);
  if (!existsSync(parquet)) {
    return existsSync(lines) ? { name, source: 'raw', select: typedLines(name, lines) } : nothing(name, TABLES[name]);
  }
  try {
    const there = await columnsOf(connection, `FROM read_parquet(${fileLiteral(parquet)})`);
    // A column that an older writer did not have is NULL, not an error.
    const columns = Object.entries(TABLES[name]).map(([column, type]) =>
      there.has(column) ? identifier(column) : `NULL::${type} AS ${identifier(column)}`,
    );
    return {
      name,
      source: 'parquet',
      select: `SELECT ${columns.join(', ')} FROM read_parquet(${fileLiteral(parquet)})`,
    };
  } catch (error) {
    throw damaged(name, runFolder, error);
  }
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
): Promise<RunTable> {
  const name = `final_${table}`;
  const wanted = Object.fromEntries(FINAL_WANTED[table].map((column) => [column, FINAL_TYPES[column] ?? 'VARCHAR']));
  const parquet = parquetFile(runFolder, name);
  const closed = existsSync(parquet);
  if (!closed && !existsSync(linesFile(runFolder, name))) return nothing(name, wanted);
  let rows: string;
  let there: Set<string>;
  try {
    rows = closed ? `read_parquet(${fileLiteral(parquet)})` : `(${await textLines(connection, runFolder, name)})`;
    there = await columnsOf(connection, `SELECT * FROM ${rows}`);
  } catch (error) {
    throw damaged(name, runFolder, error);
  }
  // A column that an older writer did not have is NULL, not an error.
  const missing = Object.entries(wanted).filter(([column]) => !there.has(column));
  const added = missing.map(([column, type]) => `, NULL::${type} AS ${identifier(column)}`).join('');
  return { name, source: closed ? 'parquet' : 'raw', select: `SELECT *${added} FROM ${rows}` };
}

function nothing(name: string, wanted: Columns): RunTable {
  const none = Object.entries(wanted).map(([column, type]) => `NULL::${type} AS ${identifier(column)}`);
  return { name, source: null, select: `SELECT ${none.join(', ')} WHERE false` };
}

export function damaged(table: string, runFolder: string, error: unknown): UsageError {
  return new UsageError(
    `The table ${table} of ${runFolder} cannot be read (${reasonOf(error)}): it was damaged; repeat the run.`,
    { cause: error },
  );
}

/** Airflow's own rows: the columns are those of the file, nested values and ids as text. */
async function textLines(connection: DuckDBConnection, runFolder: string, name: string): Promise<string> {
  const rows =
    `read_json(${fileLiteral(linesFile(runFolder, name))}, format = 'newline_delimited', ` +
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
