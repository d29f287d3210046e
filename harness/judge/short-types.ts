import type { DuckDBConnection } from '@duckdb/node-api';

import { identifier } from '../run-folder/files.ts';
import { damaged, type RunTable } from '../run-folder/reader.ts';

/** Columns of names, and the ENUM that each becomes in all tables that have it. */
const NAMES: Readonly<Record<string, string>> = {
  dag_id: 'dag_name',
  run_id: 'run_name',
  task_id: 'task_name',
  state: 'task_state',
  writer: 'process_name',
};

/** A column that becomes an ENUM. */
interface NameColumn {
  readonly table: RunTable;
  readonly column: string;
}

/**
 * The tables of a large run with short types: names become ENUMs with their values in the order of the alphabet. They
 * compare, sort and print as the text does, but are numbers where millions of rows are sorted and joined, which takes
 * less than half of the time. UsageError: a table cannot be read to its end.
 */
export async function withShortTypes(
  connection: DuckDBConnection,
  runFolder: string,
  tables: readonly RunTable[],
): Promise<readonly RunTable[]> {
  const columns: NameColumn[] = [];
  // Lines would be parsed for each type, and then once more.
  for (const table of tables.filter(({ source }) => source === 'parquet')) {
    const described = await connection.runAndReadAll(`DESCRIBE ${table.select}`);
    for (const { column_name, column_type } of described.getRowObjectsJS()) {
      const column = String(column_name);
      if (column in NAMES && column_type === 'VARCHAR') columns.push({ table, column });
    }
  }
  const short: NameColumn[] = [];
  try {
    for (const [column, type] of Object.entries(NAMES)) {
      const same = columns.filter((one) => one.column === column);
      if (await createEnum(connection, type, namesIn(same))) short.push(...same);
    }
    const writers = namesIn(short.filter(({ column }) => column === 'writer'));
    // What the macro `role_of` makes of a writer; the views name this type.
    const role = "nullif(regexp_extract(name, '^wt-(.+?)(-\\d+)?$', 1), '')";
    await createEnum(connection, 'process_role', `SELECT ${role} AS name FROM (${writers})`);
  } catch (error) {
    throw await whatIsDamaged(connection, runFolder, columns, error);
  }
  return tables.map((table) => typed(table, short));
}

function namesIn(columns: readonly NameColumn[]): string {
  const parts = columns.map(({ table, column }) => `SELECT DISTINCT ${identifier(column)} FROM (${table.select})`);
  return `SELECT NULL::VARCHAR AS name WHERE false ${parts.map((part) => `UNION ALL ${part}`).join(' ')}`;
}

/** False if there is no name at all: an ENUM has values. */
async function createEnum(connection: DuckDBConnection, type: string, names: string): Promise<boolean> {
  const sorted = `SELECT DISTINCT name FROM (${names}) WHERE name IS NOT NULL ORDER BY name`;
  const any = await connection.runAndReadAll(`FROM (${sorted}) LIMIT 1`);
  if (any.currentRowCount === 0) return false;
  await connection.run(`CREATE TYPE ${type} AS ENUM (${sorted})`);
  return true;
}

function typed(table: RunTable, short: readonly NameColumn[]): RunTable {
  const columns = short
    .filter((one) => one.table === table)
    .map(({ column }) => `${identifier(column)}::${NAMES[column]} AS ${identifier(column)}`);
  if (columns.length === 0) return table;
  return { ...table, select: `SELECT * REPLACE (${columns.join(', ')}) FROM (${table.select})` };
}

async function whatIsDamaged(
  connection: DuckDBConnection,
  runFolder: string,
  columns: readonly NameColumn[],
  error: unknown,
): Promise<unknown> {
  for (const { table, column } of columns) {
    try {
      await connection.run(`SELECT max(${identifier(column)}) FROM (${table.select})`);
    } catch (reason) {
      return damaged(table.name, runFolder, reason);
    }
  }
  return error;
}
