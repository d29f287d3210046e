import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';

import { DuckDBInstance } from '@duckdb/node-api';

import { linesFile, literal, parquetFile, runTables } from './run-tables.ts';

/**
 * Turns each `raw/<table>.ndjson` of a run that has ended into `<table>.parquet`. Killed at any point it loses
 * nothing: the Parquet file appears whole, by renaming, before the lines go.
 */
export async function closeTables(runFolder: string): Promise<void> {
  const database = await DuckDBInstance.create(':memory:', { memory_limit: '512MB', threads: '2' });
  const connection = await database.connect();
  try {
    for (const { name, source, select } of await runTables(connection, runFolder)) {
      const lines = linesFile(runFolder, name);
      if (source === 'ndjson') {
        const parquet = parquetFile(runFolder, name);
        const next = `${parquet}.next`;
        await connection.run(`COPY (${select}) TO ${literal(next)} (FORMAT parquet, COMPRESSION zstd)`);
        await rename(next, parquet);
      }
      if (existsSync(lines)) await rm(lines);
    }
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}
