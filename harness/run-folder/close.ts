import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

import { TABLE_NAMES, type TableName } from '../model/tables.ts';
import { literal, parquetFile, rawFiles, segmentFile, segmentsOf } from './files.ts';
import { mergeSegments, packSegment } from './pack.ts';
import { finalTables } from './reader.ts';

/**
 * Turns each table of a run that has ended into `<table>.parquet`. Killed at any point it loses nothing: the Parquet
 * file appears whole, by renaming, before what it was made of goes.
 */
export async function closeTables(runFolder: string): Promise<void> {
  const spill = path.join(runFolder, 'raw', 'spill');
  const database = await DuckDBInstance.create(':memory:', {
    memory_limit: '512MB',
    threads: '2',
    temp_directory: spill,
  });
  const connection = await database.connect();
  try {
    for (const name of TABLE_NAMES) {
      if (!existsSync(parquetFile(runFolder, name))) await closeTable(connection, runFolder, name);
      await removeRaw(runFolder, name);
    }
    await closeFinals(connection, runFolder);
  } finally {
    connection.closeSync();
    database.closeSync();
    await rm(spill, { recursive: true, force: true });
  }
}

async function closeTable(connection: DuckDBConnection, runFolder: string, table: TableName): Promise<void> {
  // One after another, each making room for the next: on a disk that is nearly full all of them at once may not fit.
  for (const segment of segmentsOf(runFolder, table).lines) await packSegment(connection, runFolder, table, segment);
  const segments = segmentsOf(runFolder, table).compacted.map((segment) => segmentFile(runFolder, table, segment));
  const [only, ...others] = segments;
  if (only === undefined) return;
  const parquet = parquetFile(runFolder, table);
  if (others.length === 0) await rename(only, parquet);
  else await mergeSegments(connection, table, segments, parquet);
}

async function closeFinals(connection: DuckDBConnection, runFolder: string): Promise<void> {
  for (const { name, source, select } of await finalTables(connection, runFolder)) {
    if (source === 'raw') {
      const parquet = parquetFile(runFolder, name);
      const next = `${parquet}.next`;
      await connection.run(`COPY (${select}) TO ${literal(next)} (FORMAT parquet, COMPRESSION zstd)`);
      await rename(next, parquet);
    }
    await removeRaw(runFolder, name);
  }
}

async function removeRaw(runFolder: string, table: string): Promise<void> {
  for (const file of rawFiles(runFolder, table)) await rm(file);
}
