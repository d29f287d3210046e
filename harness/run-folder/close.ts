import { existsSync, readdirSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { fileMode, linesFile, literal, parquetFile } from './files.ts';
import { runTables } from './reader.ts';

/**
 * In what order a table is written. What the requests of a life share, its ids above all, is stored once where they lie
 * together. The order of a table's rows has no meaning.
 */
const ORDER: Readonly<Record<string, string | undefined>> = { operations: 'life, op', lives: 'life' };

/** More lines than this are not sorted: sorting would need more memory than it saves on disk. */
const SORTED_BYTES = 256 << 20;

/**
 * Turns each table of a run that has ended into `<table>.parquet`. If it is killed at any point, no row is lost: the
 * Parquet file appears whole, by renaming, before its lines are removed.
 */
export async function closeTables(runFolder: string): Promise<void> {
  const raw = path.join(runFolder, 'raw');
  if (!existsSync(raw) || !readdirSync(raw).some((name) => name.endsWith('.ndjson'))) return;
  const spill = path.join(raw, 'spill');
  const database = await DuckDBInstance.create(':memory:', {
    memory_limit: '512MB',
    threads: '2',
    temp_directory: spill,
  });
  const connection = await database.connect();
  try {
    for (const { name, source, select } of await runTables(connection, runFolder)) {
      const lines = linesFile(runFolder, name);
      if (source === 'raw') {
        const order = statSync(lines).size > SORTED_BYTES ? undefined : ORDER[name];
        const ordered = `${select}${order ? ` ORDER BY ${order}` : ''}`;
        await writeParquet(connection, ordered, parquetFile(runFolder, name));
      }
      if (existsSync(lines)) await rm(lines);
    }
  } finally {
    connection.closeSync();
    database.closeSync();
    await rm(spill, { recursive: true, force: true });
  }
}

/** Writes a file that is there only when it is whole. */
async function writeParquet(connection: DuckDBConnection, select: string, file: string): Promise<void> {
  const next = `${file}.next`;
  try {
    await connection.run(`COPY (${select}) TO ${literal(next)} (FORMAT parquet, COMPRESSION zstd)`);
    // On disk before the lines are removed, or a power failure could lose both.
    const written = await open(next, 'r+');
    if (fileMode(path.dirname(file)) === 0o600) await written.chmod(0o600);
    await written.datasync().finally(() => written.close());
    await rename(next, file);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}
