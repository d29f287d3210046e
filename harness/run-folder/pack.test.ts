import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { TABLES, type TableName } from '../model/tables.ts';
import { linesFile, parquetFile, segmentFile, segmentsOf } from './files.ts';
import { packedRows, packSegment, rawRows } from './pack.ts';
import { packingsOf } from './packing.ts';

let folder: string;
let database: DuckDBInstance;
let connection: DuckDBConnection;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  mkdirSync(path.join(folder, 'raw'));
  database = await DuckDBInstance.create(':memory:', { threads: '1' });
  connection = await database.connect();
});

afterEach(() => {
  connection.closeSync();
  database.closeSync();
  rmSync(folder, { recursive: true, force: true });
});

async function rowsOf(table: TableName): Promise<unknown[]> {
  const select = await rawRows(connection, folder, table);
  return (await connection.runAndReadAll(`FROM (${select}) ORDER BY ALL`)).getRowObjectsJson();
}

async function storedColumns(table: TableName): Promise<string[]> {
  const file = segmentFile(folder, table, 1);
  const described = await connection.runAndReadAll(`DESCRIBE FROM '${file}'`);
  return described.getRowObjectsJson().map((row) => String(row.column_name));
}

/** The table before and after, and what the file then has. */
async function packed(table: TableName, rows: readonly object[]): Promise<string[]> {
  writeFileSync(linesFile(folder, table), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const before = await rowsOf(table);
  expect(before.length).toBe(rows.length);
  await packSegment(connection, folder, table, 1);
  expect(segmentsOf(folder, table)).toEqual({ compacted: [1], lines: [] });
  expect(await rowsOf(table)).toEqual(before);
  return storedColumns(table);
}

const TI = '01a201ea-378f-7dbf-846e-39ec19b14f2b';
const REQUEST = {
  op: 71,
  life: 5,
  worker: 'w-5',
  ti_id: TI,
  intended_ms: 71319.254,
  sent_ms: 71319.773,
  ended_ms: 71528.689,
  correlation_id: 'a8aea8ba-71',
};

test('a request is stored by what cannot be told from the rest of it', async () => {
  const operator = { op: 72, worker: 'operator-1', intended_ms: 1, sent_ms: 1.001, ended_ms: null, ti_id: null };
  const columns = await packed('operations', [REQUEST, operator]);
  for (const column of ['sent_us', 'late_us', 'took_us', 'other_worker', 'correlation', 'ti_id_uuid'])
    expect(columns).toContain(column);
  for (const column of ['sent_ms', 'worker', 'correlation_id', 'ti_id']) expect(columns).not.toContain(column);
});

test.each([
  { sent_ms: 71319.7731 },
  { sent_ms: null },
  { sent_ms: 1e300, intended_ms: -1e300 },
  { sent_ms: 9e15, intended_ms: -9e15, ended_ms: 9e15 },
  { worker: null },
  { worker: 'w-05' },
  { life: null },
  { op: 1, correlation_id: '12345678-01' },
  { correlation_id: 'short' },
  { correlation_id: null },
  { correlation_id: '42d3d123-e33d-4456-a8d2-7cf7ef5ed0ef' },
  { ti_id: TI.toUpperCase() },
  { ti_id: TI.replaceAll('-', '') },
  { ti_id: 'ti-1' },
  { requested: 'life ~' },
  { requested: '{"bash_command":"echo life 5 write 1"}' },
  { requested: 'life 51, life 5 and life 4' },
  { life: null, requested: 'life ~ or life 5' },
  { ti_id: '' },
  { ti_id: null },
])('what cannot be packed comes back as it was: %j', async (odd) => {
  await packed('operations', [REQUEST, { ...REQUEST, op: 73, ...odd }]);
});

test.each(Object.keys(TABLES) as TableName[])('%s comes back as it was', async (table) => {
  const values: Record<string, unknown> = {
    VARCHAR: TI,
    BIGINT: 5,
    INTEGER: 5,
    DOUBLE: 1234.567,
    BOOLEAN: true,
    JSON: { a: [1] },
  };
  const row = Object.fromEntries(Object.entries(TABLES[table]).map(([column, type]) => [column, values[type]]));
  const columns = await packed(table, [row, { ...row, [Object.keys(row)[0] ?? '']: 6 }]);
  const stored = packingsOf(table).flatMap((packing) => Object.keys(packing.stored));
  expect(columns).toEqual(expect.arrayContaining(stored));
});

test('segments that were packed differently are one table', async () => {
  await packed('operations', [REQUEST]);
  writeFileSync(linesFile(folder, 'operations', 2), `${JSON.stringify({ ...REQUEST, op: 2, sent_ms: 0.0001 })}\n`);
  await packSegment(connection, folder, 'operations', 2);
  writeFileSync(linesFile(folder, 'operations', 10), `${JSON.stringify({ ...REQUEST, op: 3 })}\n{"op":4,"wor`);
  expect(await rowsOf('operations')).toMatchObject([
    { op: '2', sent_ms: 0.0001 },
    { op: '3', sent_ms: REQUEST.sent_ms, worker: 'w-5' },
    { op: '71', sent_ms: REQUEST.sent_ms, worker: 'w-5' },
  ]);
  expect(existsSync(parquetFile(folder, 'operations'))).toBe(false);
});

test('a table that an older windtunnel closed is read as it is, and what it did not have is NULL', async () => {
  const file = parquetFile(folder, 'operations');
  await connection.run(`COPY (SELECT 7 AS op, 'w-1' AS worker, 1.5::DOUBLE AS sent_ms) TO '${file}' (FORMAT parquet)`);
  const [select] = await packedRows(connection, 'operations', [file]);
  const rows = (await connection.runAndReadAll(`${select}`)).getRowObjectsJson();
  expect(Object.keys(rows[0] ?? {})).toEqual(Object.keys(TABLES.operations));
  expect(rows).toMatchObject([{ op: 7, worker: 'w-1', sent_ms: 1.5, correlation_id: null, ended_ms: null }]);
});
