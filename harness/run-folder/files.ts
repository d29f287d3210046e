import { readdirSync } from 'node:fs';
import path from 'node:path';

/** Where a table of a closed run is. */
export function parquetFile(runFolder: string, table: string): string {
  return path.join(runFolder, `${table}.parquet`);
}

/** Lines of a run that is not closed: of its first segment, which is all that most tables ever have, or of a later one. */
export function linesFile(runFolder: string, table: string, segment = 1): string {
  return path.join(runFolder, 'raw', segment === 1 ? `${table}.ndjson` : `${table}.${segment}.ndjson`);
}

/** A segment that was compacted while the run went on. */
export function segmentFile(runFolder: string, table: string, segment: number): string {
  return path.join(runFolder, 'raw', `${table}.${segment}.parquet`);
}

/** A table of a run that is not closed, by the numbers of its segments, each of which is in one place only. */
export interface Segments {
  readonly compacted: readonly number[];
  readonly lines: readonly number[];
}

/** Lines whose compacted segment is in place were about to be removed: they count once. */
export function segmentsOf(runFolder: string, table: string): Segments {
  const found = filesOf(runFolder, table);
  const numbers = (kind: string) =>
    found
      .filter((file) => file.kind === kind)
      .map(({ segment }) => segment)
      .sort((a, b) => a - b);
  const compacted = numbers('parquet');
  return { compacted, lines: numbers('ndjson').filter((segment) => !compacted.includes(segment)) };
}

/** All files of a table in `raw/`: what a closed table has no more use for, with what was left half written. */
export function rawFiles(runFolder: string, table: string): string[] {
  return filesOf(runFolder, table).map(({ name }) => path.join(runFolder, 'raw', name));
}

function filesOf(runFolder: string, table: string): { name: string; segment: number; kind: string }[] {
  return namesIn(path.join(runFolder, 'raw')).flatMap((name) => {
    if (!name.startsWith(`${table}.`)) return [];
    const [, digits = '1', kind = ''] =
      /^(?:([0-9]+)\.)?(ndjson|parquet|parquet\.next)$/.exec(name.slice(table.length + 1)) ?? [];
    return kind === '' ? [] : [{ name, segment: Number(digits), kind }];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // A run that was copied without it has closed tables only.
  }
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** DuckDB reads a file name as a pattern; a run folder may be called `what? [1]`. */
export function fileLiteral(file: string): string {
  return literal(file.replace(/[[*?]/g, (character) => `[${character}]`));
}

export function fileList(files: readonly string[]): string {
  return `[${files.map(fileLiteral).join(', ')}]`;
}
