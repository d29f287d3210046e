/**
 * What the record takes: requests a second, memory, and bytes on disk.
 *
 *     npm run bench:record -- [--operations 2000000] [--repeat 3] [--rate N] [--run FOLDER]
 *
 * Writes made-up operations (bench/record-rows.ts) through a RunFolder in a process of its own, as fast as it takes them
 * or N a second; then closes the tables, as a run does when it has ended, in a process of its own, too. Resident memory
 * is the kernel's own high-water mark (Linux). With --run a copy of a stored run is compacted anew, and said what each of
 * its tables takes; nothing else is measured then.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { DuckDBInstance } from '@duckdb/node-api';
import type { Operation } from '../harness/model/operation.ts';
import { isTableName } from '../harness/model/tables.ts';
import { closeTables } from '../harness/run-folder/close.ts';
import { linesFile, parquetFile } from '../harness/run-folder/files.ts';
import { writePacked } from '../harness/run-folder/pack.ts';
import { ORDER } from '../harness/run-folder/packing.ts';
import { runTables } from '../harness/run-folder/reader.ts';
import { RunFolder } from '../harness/run-folder/writer.ts';
import { operationRows } from './record-rows.ts';

/** Rows that are ready before they are handed over, so that making them up is not measured; few, or they are the memory. */
const READY = 5_000;

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '2000000' },
    repeat: { type: 'string', default: '3' },
    rate: { type: 'string' },
    run: { type: 'string' },
    // For the processes that this one starts.
    write: { type: 'string' },
    close: { type: 'string' },
  },
});
const operations = Number(values.operations);

if (values.write !== undefined) console.log(JSON.stringify(await write(values.write)));
else if (values.close !== undefined) console.log(JSON.stringify(await close(values.close)));
else if (values.run !== undefined) await storedRun(values.run);
else await measure();

interface Figures {
  readonly [name: string]: number;
}

async function measure(): Promise<void> {
  const all: Figures[] = [];
  for (let round = 0; round < Number(values.repeat); round++) {
    const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
    const folder = path.join(scratch, 'run');
    try {
      const pace = values.rate === undefined ? [] : ['--rate', values.rate];
      const written = await child(['--write', folder, '--operations', String(operations), ...pace]);
      const closed = await child(['--close', folder]);
      const bytes = statSync(parquetFile(folder, 'operations')).size;
      all.push({ ...written, ...closed, 'bytes an operation': bytes / operations });
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  console.log(`${operations.toLocaleString('en')} operations, ${all.length} times: least, median, most`);
  for (const name of Object.keys(all[0] ?? {})) {
    const sorted = all.map((figures) => figures[name] ?? Number.NaN).sort((a, b) => a - b);
    const shown = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((figure) => told(figure ?? 0));
    console.log(`  ${name.padEnd(44)} ${shown.join('  ')}`);
  }
}

function told(figure: number): string {
  return figure.toLocaleString('en', { maximumFractionDigits: figure < 100 ? 2 : 0 }).padStart(9);
}

async function child(words: readonly string[]): Promise<Figures> {
  const args = ['--import', 'tsx', fileURLToPath(import.meta.url), ...words];
  const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  process_.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(process_, 'close');
  return JSON.parse(text) as Figures;
}

/** Only the time in which rows are handed over, or waited for, counts. */
async function write(folder: string): Promise<Figures> {
  const rows = operationRows(1);
  const rate = values.rate === undefined ? Number.POSITIVE_INFINITY : Number(values.rate);
  const run = new RunFolder(folder);
  let behind = 0;
  let linesMost = 0;
  const watch = setInterval(() => {
    behind = Math.max(behind, run.behindMs);
    linesMost = Math.max(linesMost, linesIn(folder));
  }, 5);
  let making = 0;
  const began = performance.now();
  for (let done = 0; done < operations; ) {
    const makingSince = performance.now();
    const ready: Operation[] = [];
    for (const row of taken(rows, Math.min(READY, operations - done))) ready.push(row);
    making += performance.now() - makingSince;
    for (const [index, row] of ready.entries()) {
      run.append('operations', row);
      // As often as answers let the event loop turn, roughly.
      if (index % 50 === 49) await new Promise(setImmediate);
    }
    done += ready.length;
    behind = Math.max(behind, run.behindMs);
    await sleep(Math.max(0, (done / rate) * 1_000 - (performance.now() - began)));
    if (run.failed.aborted) throw run.failed.reason;
  }
  await run.flush();
  const seconds = (performance.now() - began - making) / 1_000;
  const compacted = run.segments.compacted;
  const closing = performance.now();
  await run.close();
  clearInterval(watch);
  return {
    'operations a second': operations / seconds,
    'behind at most, ms': behind,
    'peak RSS while writing, MiB': residentPeak(),
    'segments compacted meanwhile': compacted,
    'lines on disk at most, MiB': linesMost / 2 ** 20,
    'waiting for the thread in the end, s': (performance.now() - closing) / 1_000,
  };
}

function* taken(rows: Generator<Operation>, count: number): Generator<Operation> {
  for (let left = count; left > 0; left--) {
    const { value } = rows.next();
    yield value;
  }
}

function linesIn(folder: string): number {
  const raw = path.join(folder, 'raw');
  const lines = readdirSync(raw).filter((name) => name.endsWith('.ndjson'));
  return lines.reduce((sum, name) => sum + (statSync(path.join(raw, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

async function close(folder: string): Promise<Figures> {
  const began = performance.now();
  await closeTables(folder);
  return {
    'closing the tables, s': (performance.now() - began) / 1_000,
    'peak RSS while closing, MiB': residentPeak(),
  };
}

/** From what the run has, in whatever format, as if it had just ended. */
async function storedRun(run: string): Promise<void> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
  const folder = path.join(scratch, 'run');
  cpSync(run, folder, { recursive: true });
  const database = await DuckDBInstance.create(':memory:', { memory_limit: '1GB', threads: '1' });
  const connection = await database.connect();
  try {
    const tables = (await runTables(connection, folder)).filter(({ source }) => source !== null);
    for (const { name, select } of tables) await connection.run(`CREATE TABLE "${name}" AS ${select}`);
    const count = async (name: string) =>
      Number((await connection.runAndReadAll(`SELECT count(*) FROM "${name}"`)).getRowsJson()[0]?.[0]);
    const requests = await count('operations');
    console.log('table, rows, bytes a row as it was, bytes a row now, bytes an operation now');
    for (const { name } of tables) {
      if (!isTableName(name)) continue;
      const file = path.join(scratch, `${name}.parquet`);
      await writePacked(connection, name, `"${name}"`, file, ORDER[name]);
      const rows = Math.max(1, await count(name));
      const was = [parquetFile(folder, name), linesFile(folder, name)];
      const before = was.reduce((sum, one) => sum + (statSync(one, { throwIfNoEntry: false })?.size ?? 0), 0);
      const now = statSync(file).size;
      const figures = [rows, before / rows, now / rows, now / requests].map(told);
      console.log(`  ${name.padEnd(12)} ${figures.join('  ')}`);
    }
  } finally {
    connection.closeSync();
    database.closeSync();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function residentPeak(): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return Number.NaN; // There is no /proc here.
  }
}
