import { existsSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';

import type { DuckDBConnection } from '@duckdb/node-api';

import { TABLES, type TableName } from '../model/tables.ts';
import { fileList, identifier, linesFile, literal, segmentFile, segmentsOf } from './files.ts';
import { lossless, ORDER, packed, packingsOf, unpacked } from './packing.ts';

/** Version 2 has encodings for numbers that differ little from the one before. */
const FORMAT = "FORMAT parquet, PARQUET_VERSION 'V2', COMPRESSION zstd";

/** Of DuckDB. */
const ROW_GROUP = 122_880;

/**
 * Where more than one in so many values is new, a dictionary of them and the places in it cost more than the values one
 * after another, of which zstd sees that they repeat.
 */
const NEW_VALUES = 20;

/** Lines of an older or a broken run may be all in one file; what is larger than this is neither sorted nor held. */
const SORTED_BYTES = 256 << 20;

/** A SELECT of what a run that is not closed has of a table, or undefined where it has nothing. */
export async function rawRows(
  connection: DuckDBConnection,
  runFolder: string,
  table: TableName,
): Promise<string | undefined> {
  const { compacted, lines } = segmentsOf(runFolder, table);
  if (compacted.length + lines.length === 0) return undefined;
  const files = lines.map((segment) => linesFile(runFolder, table, segment));
  const segments = compacted.map((segment) => segmentFile(runFolder, table, segment));
  // Lines first, because they are what may be gone soon, where the run goes on.
  const parts = files.length > 0 ? [lineRows(table, files)] : [];
  return [...parts, ...(await packedRows(connection, table, segments))].join(' UNION ALL ');
}

/** Turns a segment of lines into Parquet, which appears whole, by renaming, before the lines go. */
export async function packSegment(
  connection: DuckDBConnection,
  runFolder: string,
  table: TableName,
  segment: number,
): Promise<void> {
  const lines = linesFile(runFolder, table, segment);
  const parquet = segmentFile(runFolder, table, segment);
  if (!existsSync(parquet)) {
    const rows = lineRows(table, [lines]);
    if (statSync(lines).size > SORTED_BYTES) await writePacked(connection, table, `(${rows})`, parquet);
    else {
      await connection.run(`CREATE OR REPLACE TEMP TABLE segment AS ${rows}`);
      try {
        await writePacked(connection, table, 'segment', parquet, ORDER[table]);
      } finally {
        await connection.run('DROP TABLE segment');
      }
    }
  }
  await rm(lines, { force: true });
}

/** Several segments as one file. They were found to be lossless one by one: alike, they are copied as they are. */
export async function mergeSegments(
  connection: DuckDBConnection,
  table: TableName,
  segments: readonly string[],
  file: string,
): Promise<void> {
  const [first, ...others] = await alike(connection, segments);
  if (first && others.length === 0) {
    await copyTo(connection, `FROM read_parquet(${fileList(first.files)})`, file, ROW_GROUP);
  } else {
    const rows = await packedRows(connection, table, segments);
    await writePacked(connection, table, `(${rows.join(' UNION ALL ')})`, file);
  }
}

/** Writes `rows`, a table or a SELECT in brackets, to a file that is there only when it is whole. */
export async function writePacked(
  connection: DuckDBConnection,
  table: TableName,
  rows: string,
  file: string,
  order?: string,
): Promise<void> {
  const [checked] = (await connection.runAndReadAll(lossless(packingsOf(table), rows))).getRowObjectsJS();
  const packings = packingsOf(table).filter((_, index) => checked?.[`packing_${index}`] === true);
  const select = `SELECT ${packed(table, packings)} FROM ${rows}${order ? ` ORDER BY ${order}` : ''}`;
  await copyTo(connection, select, file, Math.min(Number(checked?.rows), ROW_GROUP));
}

async function copyTo(connection: DuckDBConnection, select: string, file: string, groupRows: number): Promise<void> {
  const next = `${file}.next`;
  const dictionary = Math.max(1, Math.floor(groupRows / NEW_VALUES));
  try {
    await connection.run(`COPY (${select}) TO ${literal(next)} (${FORMAT}, DICTIONARY_SIZE_LIMIT ${dictionary})`);
    // The lines go next: what they were must not be in memory only when the machine loses its power.
    const written = await open(next, 'r+');
    await written.datasync().finally(() => written.close());
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

/** SELECTs that give packed files as the table that they are: one for each set of columns that they have. */
export async function packedRows(
  connection: DuckDBConnection,
  table: TableName,
  files: readonly string[],
): Promise<string[]> {
  const groups = await alike(connection, files);
  return groups.map((group) => `SELECT ${unpacked(table, group.columns)} FROM read_parquet(${fileList(group.files)})`);
}

interface Alike {
  readonly columns: ReadonlySet<string>;
  readonly files: string[];
}

/** Files by the columns that they have. */
async function alike(connection: DuckDBConnection, files: readonly string[]): Promise<Alike[]> {
  const groups = new Map<string, Alike>();
  for (const file of files) {
    const described = await connection.runAndReadAll(`DESCRIBE FROM read_parquet(${fileList([file])})`);
    const columns = described.getRowObjectsJS().map((row) => String(row.column_name));
    const group = groups.get(columns.join()) ?? { columns: new Set(columns), files: [] };
    group.files.push(file);
    groups.set(columns.join(), group);
  }
  return [...groups.values()];
}

/** `ignore_errors`, because `kill -9` cuts the last line: it becomes a row of NULLs, which the first column betrays. */
function lineRows(table: TableName, files: readonly string[]): string {
  const columns = Object.entries(TABLES[table]);
  const types = columns.map(([column, type]) => `${identifier(column)}: ${literal(type)}`);
  const [[key] = ['']] = columns;
  return (
    `SELECT * FROM read_json(${fileList(files)}, columns = {${types.join(', ')}}, ` +
    `format = 'newline_delimited', ignore_errors = true) WHERE ${identifier(key)} IS NOT NULL`
  );
}
