/**
 * Converts a run folder of format 1 or 2, which had packed columns and other names, to format 3:
 *
 *     npm run convert-run -- OLD NEW
 *
 * OLD stays as it is. NEW has Parquet tables with the documented columns (docs/run-folder.md), the manifest and the
 * logs, but no reports: `windtunnel report NEW` writes them. A run that was never closed is closed on the way.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

import type { Fault } from '../harness/faults/fault.ts';
import { FAULTS } from '../harness/faults/index.ts';
import { UsageError } from '../harness/model/errors.ts';
import { isRecord } from '../harness/model/json.ts';
import { FINAL_TABLES, RUN_FORMAT, TABLE_NAMES, TABLES, type TableName } from '../harness/model/tables.ts';
import { closeTables, writeParquet } from '../harness/run-folder/close.ts';
import { fileLiteral, identifier, literal, parquetFile } from '../harness/run-folder/files.ts';

/** The former name of a column. */
const FORMER_COLUMNS: Partial<Record<TableName, Readonly<Record<string, string>>>> = {
  operations: { duplicate_of: 'twin' },
  lives: { duplicate_of: 'copy_of' },
};

/** Words that were renamed, in the manifest and in the columns of `TEXTS`. */
const RENAMED: Readonly<Record<string, string>> = {
  stranger: 'impostor',
  mischief: 'misbehaviour',
  twin_delivery: 'duplicate_delivery',
  stampede: 'herd',
  api_at_rest: 'api_quiescent',
  'a-superseded-try-is-told': 'a-superseded-try-is-refused',
};

/** A fault that had the name of a scenario, which keeps it. */
const FORMER_HERD = 'storm';
const HERD = 'thundering-herd';

/** Columns that are computed from others of an old run. */
const DERIVED: Partial<Record<TableName, Readonly<Record<string, string>>>> = {
  faults: {
    fault: `CASE fault WHEN ${literal(FORMER_HERD)} THEN ${literal(HERD)} ELSE fault END`,
    cuts_connections: faultIs(({ cutsConnections }) => cutsConnections === true),
    skews_clocks: faultIs(({ skewsClocks }) => skewsClocks === true),
  },
};

function faultIs(what: (fault: Fault) => boolean): string {
  return `fault IN (${FAULTS.filter(what)
    .map(({ name }) => literal(name))
    .join(', ')})`;
}

/** Columns that hold words of ours. `row` and `hostname` have names of workers. */
const TEXTS: Partial<Record<TableName, readonly string[]>> = {
  operations: ['kind', 'worker'],
  commits: ['row', 'statement'],
  faults: ['fault', 'detail'],
  samples: ['metric'],
};

/** How a packed column is got back, by the stored columns that it needs. */
interface Unpacking {
  readonly stored: readonly string[];
  readonly unpack: Readonly<Record<string, string>>;
}

const WORKER: Unpacking = {
  stored: ['other_worker'],
  unpack: { worker: "coalesce(other_worker, 'w-' || life)" },
};

const UNPACKINGS: Readonly<Record<TableName, readonly Unpacking[]>> = {
  operations: [
    {
      stored: ['sent_us', 'late_us', 'took_us'],
      unpack: {
        intended_ms: 'CAST(sent_us - late_us AS DOUBLE) / 1000',
        sent_ms: 'CAST(sent_us AS DOUBLE) / 1000',
        ended_ms: 'CAST(sent_us + took_us AS DOUBLE) / 1000',
      },
    },
    WORKER,
    {
      stored: ['correlation', 'other_correlation_id'],
      unpack: { correlation_id: "coalesce(other_correlation_id, correlation || '-' || op)" },
    },
    {
      stored: ['asked'],
      unpack: { requested: "CASE WHEN life IS NULL THEN asked ELSE replace(asked, 'life ~', 'life ' || life) END" },
    },
    uuid('ti_id'),
  ],
  lives: [WORKER, uuid('ti_id'), time('handed_ms'), time('started_ms'), time('ended_ms')],
  commits: [time('committed_ms'), uuid('id'), uuid('old_id')],
  server_log: [time('at_ms')],
  faults: [time('opened_ms'), time('closed_ms')],
  samples: [time('at_ms')],
  backends: [time('at_ms')],
  lock_waits: [time('at_ms'), time('waiting_since_ms'), time('xact_started_ms')],
};

function time(column: string): Unpacking {
  const stored = column.replace(/_ms$/, '_us');
  return { stored: [stored], unpack: { [column]: `CAST(${stored} AS DOUBLE) / 1000` } };
}

function uuid(column: string): Unpacking {
  const stored = [`${column}_uuid`, `other_${column}`];
  return { stored, unpack: { [column]: `coalesce(CAST(${stored[0]} AS VARCHAR), ${stored[1]})` } };
}

/** Throws a UsageError where OLD is no run of format 1 or 2, or NEW holds something. */
export async function convertRun(from: string, to: string): Promise<void> {
  const manifest = readOldManifest(from);
  if (existsSync(to) && readdirSync(to).length > 0) {
    throw new UsageError(`${to} is not empty: name a folder that does not exist yet.`);
  }
  mkdirSync(path.join(to, 'raw'), { recursive: true });
  if (existsSync(path.join(from, 'logs'))) cpSync(path.join(from, 'logs'), path.join(to, 'logs'), { recursive: true });
  const database = await DuckDBInstance.create(':memory:', { memory_limit: '512MB', threads: '2' });
  const connection = await database.connect();
  try {
    for (const table of TABLE_NAMES) {
      const rows = await oldRows(connection, from, table);
      if (rows !== undefined) await writeParquet(connection, rows, parquetFile(to, table));
    }
  } finally {
    connection.closeSync();
    database.closeSync();
  }
  for (const table of FINAL_TABLES) {
    const files = [`final_${table}.parquet`, path.join('raw', `final_${table}.ndjson`)];
    for (const file of files) if (existsSync(path.join(from, file))) cpSync(path.join(from, file), path.join(to, file));
  }
  await closeTables(to);
  const text = JSON.stringify({ ...manifest, format: RUN_FORMAT }, null, 2).replaceAll(
    `"fault": "${FORMER_HERD}"`,
    `"fault": "${HERD}"`,
  );
  const now = Object.entries(RENAMED).reduce((words, [before, after]) => words.replaceAll(before, after), text);
  writeFileSync(path.join(to, 'manifest.json'), `${now}\n`);
}

function readOldManifest(folder: string): Record<string, unknown> {
  const file = path.join(folder, 'manifest.json');
  if (!existsSync(file)) throw new UsageError(`${folder} is not a run folder: it has no manifest.json.`);
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const format = isRecord(manifest) ? manifest.format : undefined;
  if (!isRecord(manifest) || (format !== 1 && format !== 2)) {
    throw new UsageError(`${file} is of format ${format}: only runs of format 1 and 2 are converted.`);
  }
  return manifest;
}

/** A SELECT of the rows of a table, with the columns that it has now; undefined where the run has nothing of it. */
async function oldRows(connection: DuckDBConnection, folder: string, table: TableName): Promise<string | undefined> {
  const parquet = parquetFile(folder, table);
  if (existsSync(parquet)) return parquetRows(connection, parquet, table);
  // Of a run that was not closed: files of lines, and those of them that had been compacted, in place of their lines.
  const raw = path.join(folder, 'raw');
  const names = existsSync(raw) ? readdirSync(raw) : [];
  const parts: string[] = [];
  for (const name of names.filter((one) => one.startsWith(`${table}.`))) {
    const file = path.join(raw, name);
    const [, number = '1', kind] = /^[a-z_]+\.(?:(\d+)\.)?(ndjson|parquet)$/.exec(name) ?? [];
    if (kind === 'parquet') parts.push(await parquetRows(connection, file, table));
    if (kind === 'ndjson' && !names.includes(`${table}.${number}.parquet`)) parts.push(lineRows(file, table));
  }
  return parts.length > 0 ? parts.join(' UNION ALL ') : undefined;
}

async function parquetRows(connection: DuckDBConnection, file: string, table: TableName): Promise<string> {
  const rows = `read_parquet(${fileLiteral(file)})`;
  const described = await connection.runAndReadAll(`DESCRIBE FROM ${rows}`);
  const there = new Set(described.getRowObjectsJS().map((row) => String(row.column_name)));
  return `SELECT ${selected(table, there)} FROM ${rows}`;
}

function lineRows(file: string, table: TableName): string {
  const columns = Object.entries(TABLES[table]).map(([column, type]) => [formerName(table, column), type] as const);
  const types = columns.map(([column, type]) => `${identifier(column)}: ${literal(type)}`);
  const [[key] = ['']] = columns;
  return (
    `SELECT ${selected(table, new Set(columns.map(([column]) => column)))} FROM read_json(${fileLiteral(file)}, ` +
    `columns = {${types.join(', ')}}, format = 'newline_delimited', ignore_errors = true) ` +
    `WHERE ${identifier(key)} IS NOT NULL`
  );
}

function formerName(table: TableName, column: string): string {
  return FORMER_COLUMNS[table]?.[column] ?? column;
}

/** The columns that a table has now, out of those that a file has. What it does not have is NULL. */
function selected(table: TableName, there: ReadonlySet<string>): string {
  const usable = UNPACKINGS[table].filter(({ stored }) => stored.every((column) => there.has(column)));
  const unpacked: Readonly<Record<string, string>> = Object.assign({}, ...usable.map(({ unpack }) => unpack));
  return Object.entries(TABLES[table])
    .map(([column, type]) => {
      const former = formerName(table, column);
      const stored = there.has(former) ? identifier(former) : (unpacked[former] ?? `NULL::${type}`);
      const value = DERIVED[table]?.[column] ?? stored;
      return `${TEXTS[table]?.includes(column) ? inWords(value, type) : value} AS ${identifier(column)}`;
    })
    .join(', ');
}

function inWords(value: string, type: string): string {
  const words = Object.entries(RENAMED);
  const text = words.reduce(
    (sql, [before, now]) => `replace(${sql}, ${literal(before)}, ${literal(now)})`,
    `CAST(${value} AS VARCHAR)`,
  );
  return `CAST(${text} AS ${type})`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [from, to, ...others] = process.argv.slice(2);
  try {
    if (from === undefined || to === undefined || others.length > 0) {
      throw new UsageError('Name the folder and the one to make of it: npm run convert-run -- OLD NEW');
    }
    await convertRun(from, to);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
