import { existsSync, statSync } from 'node:fs';
import path from 'node:path';

/** Where a table of a closed run is. */
export function parquetFile(runFolder: string, table: string): string {
  return path.join(runFolder, `${table}.parquet`);
}

/** Where a table is while the run lasts: lines of JSON. */
export function linesFile(runFolder: string, table: string): string {
  return path.join(runFolder, 'raw', `${table}.ndjson`);
}

export function isFolder(place: string): boolean {
  return existsSync(place) && statSync(place).isDirectory();
}

/**
 * Of a file in this run folder, which may have to be made yet: a folder that is its user's alone has no file that
 * others may read, once copied.
 */
export function fileMode(runFolder: string): number {
  const folder = statSync(runFolder, { throwIfNoEntry: false });
  return folder !== undefined && (folder.mode & 0o077) === 0 ? 0o600 : 0o666;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** DuckDB reads a file name as a pattern; a run folder may be called `what? [1]`. */
export function filePattern(file: string): string {
  return file.replace(/[[*?]/g, (character) => `[${character}]`);
}

export function fileLiteral(file: string): string {
  return literal(filePattern(file));
}
