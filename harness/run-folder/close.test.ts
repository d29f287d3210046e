import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FINAL_TABLES, TABLE_NAMES, TABLES, type TableName } from '../model/tables.ts';
import { TYPESCRIPT } from '../system/installation.ts';
import { closeTables } from './close.ts';
import { fileLiteral, linesFile, parquetFile } from './files.ts';
import { runTables } from './reader.ts';

let scratch: string;
let folder: string;
let database: DuckDBInstance;
let connection: DuckDBConnection;

beforeEach(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  folder = scratch;
  mkdirSync(path.join(folder, 'raw'));
  database = await DuckDBInstance.create(':memory:', { threads: '1' });
  connection = await database.connect();
});

afterEach(() => {
  connection.closeSync();
  database.closeSync();
  rmSync(scratch, { recursive: true, force: true });
});

async function ask(sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson() as Record<string, unknown>[];
}

async function read(table: string): Promise<Record<string, unknown>[]> {
  const found = (await runTables(connection, folder)).find(({ name }) => name === table);
  return ask(`FROM (${found?.select}) ORDER BY ALL`);
}

function writeLines(table: string, rows: readonly object[], cutOff = ''): void {
  writeFileSync(linesFile(folder, table), rows.map((row) => `${JSON.stringify(row)}\n`).join('') + cutOff);
}

const VALUES: Readonly<Record<string, unknown>> = {
  VARCHAR: '01a201ea-378f-7dbf-846e-39ec19b14f2b',
  BIGINT: 2 ** 40,
  INTEGER: 5,
  DOUBLE: 71319.2541,
  BOOLEAN: true,
  JSON: { a: [1], b: 'x "y"' },
};

/** A row with something in each column, as it is recorded, and as DuckDB gives it back. */
function fullRow(table: TableName): { recorded: Record<string, unknown>; read: Record<string, unknown> } {
  const recorded = Object.fromEntries(Object.entries(TABLES[table]).map(([column, type]) => [column, VALUES[type]]));
  const text = (value: unknown, type: string) =>
    type === 'BIGINT' ? String(value) : type === 'JSON' ? JSON.stringify(value) : value;
  const read = Object.entries(TABLES[table]).map(([column, type]) => [column, text(VALUES[type], type)]);
  return { recorded, read: Object.fromEntries(read) };
}

/** The columns of a table and their types, as DuckDB makes them of the statement in docs/run-folder.md. */
async function documented(table: string): Promise<unknown[]> {
  const text = readFileSync(new URL('../../docs/run-folder.md', import.meta.url), 'utf8');
  const [statement = ''] = new RegExp(`^CREATE TABLE ${table} \\([^;]*\\);$`, 'm').exec(text) ?? [];
  await connection.run(statement);
  return columnsOf(table);
}

async function columnsOf(source: string): Promise<unknown[]> {
  const described = await ask(`DESCRIBE FROM ${source}`);
  return described.map(({ column_name, column_type }) => [column_name, column_type]);
}

test.each(TABLE_NAMES)(
  '%s.parquet has the documented columns for any DuckDB, with the values that were recorded',
  async (table) => {
    const { recorded, read: values } = fullRow(table);
    writeLines(table, [recorded]);
    await closeTables(folder);
    const file = fileLiteral(path.join(folder, `${table}.parquet`));
    expect(await columnsOf(file)).toEqual(await documented(table));
    expect(await ask(`FROM ${file}`)).toEqual([values]);
  },
);

test('a table is the same before and after, whatever is in it, without the line that was cut off', async () => {
  const { recorded } = fullRow('operations');
  const odd = {
    ...recorded,
    op: 2,
    life: null,
    ti_id: '',
    requested: 'life ~ "or"\nlife 5',
    sent_ms: 1e300,
    ended_ms: null,
  };
  writeLines('operations', [recorded, odd, { op: 3 }], '{"op":4,"wor');
  const before = await read('operations');
  expect(before.map(({ op }) => op)).toEqual(['2', '3', String(2 ** 40)]);
  await closeTables(folder);
  expect(await read('operations')).toEqual(before);
  expect(readdirSync(path.join(folder, 'raw'))).toEqual([]);
  await closeTables(folder);
  expect(await read('operations')).toEqual(before);
});

test('a column that an older writer did not have is NULL, and nothing was recorded of the other tables', async () => {
  const file = parquetFile(folder, 'operations');
  await connection.run(`COPY (SELECT 7 AS op, 'w-1' AS worker, 1.5::DOUBLE AS sent_ms) TO '${file}' (FORMAT parquet)`);
  const rows = await read('operations');
  expect(Object.keys(rows[0] ?? {})).toEqual(Object.keys(TABLES.operations));
  expect(rows).toMatchObject([{ op: 7, worker: 'w-1', sent_ms: 1.5, correlation_id: null, ended_ms: null }]);
  const sources = (await runTables(connection, folder)).filter(({ source }) => source !== null);
  expect(sources.map(({ name }) => name)).toEqual(['operations']);
});

test("Airflow's own tables are closed, too", async () => {
  for (const table of FINAL_TABLES) writeLines(`final_${table}`, [{ id: 5, dag_id: 'wt_dag', extra: { a: 1 } }]);
  await closeTables(folder);
  for (const table of FINAL_TABLES) {
    const rows = await ask(`SELECT id, dag_id, extra FROM ${fileLiteral(parquetFile(folder, `final_${table}`))}`);
    expect(rows).toEqual([{ id: '5', dag_id: 'wt_dag', extra: '{"a":1}' }]);
  }
});

test('lines beside their own Parquet file count once, and a file that was half written does not count', async () => {
  writeLines('operations', [{ op: 1 }, { op: 2 }]);
  copyFileSync(linesFile(folder, 'operations'), path.join(folder, 'copy'));
  writeFileSync(`${parquetFile(folder, 'operations')}.next`, 'PAR1 half of');
  expect((await read('operations')).length).toBe(2);
  await closeTables(folder);
  copyFileSync(path.join(folder, 'copy'), linesFile(folder, 'operations'));
  expect((await read('operations')).length).toBe(2);
  await closeTables(folder);
  expect((await read('operations')).length).toBe(2);
  expect(existsSync(linesFile(folder, 'operations'))).toBe(false);
  expect(existsSync(`${parquetFile(folder, 'operations')}.next`)).toBe(false);
});

test('a run that was killed has every row that was acknowledged, once, also if closing is killed', async () => {
  const run = path.join(folder, 'run');
  const writer = `
    import { RunFolder } from ${JSON.stringify(new URL('writer.ts', import.meta.url).href)};
    const run = new RunFolder(${JSON.stringify(run)});
    for (let op = 0; ; ) {
      for (const last = op + 500; op < last; ) run.append('operations', { op: ++op, worker: 'w', sent_ms: op / 8 });
      await run.flush();
      console.log(op);
    }`;
  const acknowledged = await killed(writer, 40);
  folder = run;
  const rows = (await read('operations')).length;
  expect(rows).toBeGreaterThanOrEqual(acknowledged);
  const [numbers] = await ask(
    `SELECT count(DISTINCT op) AS different, max(op) AS last FROM (${await selectOf('operations')})`,
  );
  expect(numbers).toEqual({ different: String(rows), last: String(rows) });
  const closer = `
    import { closeTables } from ${JSON.stringify(new URL('close.ts', import.meta.url).href)};
    console.log(1);
    await closeTables(${JSON.stringify(run)});`;
  for (const line of [1, 1, 1]) await killed(closer, line);
  expect((await read('operations')).length).toBe(rows);
  await closeTables(run);
  expect((await read('operations')).length).toBe(rows);
  expect(existsSync(parquetFile(run, 'operations'))).toBe(true);
});

async function selectOf(table: string): Promise<string | undefined> {
  return (await runTables(connection, folder)).find(({ name }) => name === table)?.select;
}

/** Runs a program until it has printed so many lines, sends SIGKILL, and returns the last number that it printed. */
async function killed(program: string, lines: number): Promise<number> {
  const args = ['--import', TYPESCRIPT, '--input-type=module', '-e', program];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let last = 0;
  let count = 0;
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => {
    last = Number(line);
    if (++count === lines) child.kill('SIGKILL');
  });
  await Promise.all([once(child, 'close'), once(output, 'close')]);
  return last;
}
