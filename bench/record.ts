/**
 * What the record takes: requests a second, memory, and bytes on disk.
 *
 *     npm run bench:record -- [--operations 2000000] [--repeat 3] [--rate N] [--run FOLDER]
 *
 * Writes made-up operations (bench/record-rows.ts) through a RunFolder in a process of its own, as fast as it takes
 * them or N a second; then closes the tables, as a run does when it has ended, in a process of its own, too. Resident
 * memory is the kernel's own high-water mark (Linux). With --run nothing is measured but what each table of a stored
 * run takes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { DuckDBInstance } from '@duckdb/node-api';
import type { Operation } from '../harness/model/operation.ts';
import { TABLE_NAMES } from '../harness/model/tables.ts';
import { closeTables } from '../harness/run-folder/close.ts';
import { fileLiteral, linesFile, parquetFile } from '../harness/run-folder/files.ts';
import { RunFolder } from '../harness/run-folder/writer.ts';
import { nodeArguments } from '../harness/system/installation.ts';
import { operationRows } from './record-rows.ts';

/**
 * Rows that are ready before they are handed over, so that making them up is not measured; few, or they are the memory.
 */
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
    const shown = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((figure) => formatted(figure ?? 0));
    console.log(`  ${name.padEnd(44)} ${shown.join('  ')}`);
  }
}

function formatted(figure: number): string {
  return figure.toLocaleString('en', { maximumFractionDigits: figure < 100 ? 2 : 0 }).padStart(9);
}

async function child(words: readonly string[]): Promise<Figures> {
  const args = [...nodeArguments(fileURLToPath(import.meta.url)), ...words];
  const process_ = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  process_.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(process_, 'close');
  return JSON.parse(output) as Figures;
}

/** Only the time in which rows are handed over, or waited for, counts. */
async function write(folder: string): Promise<Figures> {
  const rows = operationRows(1);
  const rate = values.rate === undefined ? Number.POSITIVE_INFINITY : Number(values.rate);
  const run = new RunFolder(folder);
  let behind = 0;
  const watch = setInterval(() => {
    behind = Math.max(behind, run.behindMs);
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
  await run.close();
  clearInterval(watch);
  return {
    'operations a second': operations / seconds,
    'behind at most, ms': behind,
    'peak RSS while writing, MiB': residentPeak(),
    'lines on disk, MiB': statSync(linesFile(folder, 'operations')).size / 2 ** 20,
  };
}

function* taken(rows: Generator<Operation>, count: number): Generator<Operation> {
  for (let left = count; left > 0; left--) {
    const { value } = rows.next();
    yield value;
  }
}

async function close(folder: string): Promise<Figures> {
  const began = performance.now();
  await closeTables(folder);
  return {
    'closing the tables, s': (performance.now() - began) / 1_000,
    'peak RSS while closing, MiB': residentPeak(),
  };
}

async function storedRun(run: string): Promise<void> {
  const database = await DuckDBInstance.create(':memory:', { memory_limit: '1GB', threads: '1' });
  const connection = await database.connect();
  try {
    const rowsOf = async (file: string) =>
      Number((await connection.runAndReadAll(`SELECT count(*) FROM ${fileLiteral(file)}`)).getRowsJson()[0]?.[0]);
    const requests = await rowsOf(parquetFile(run, 'operations'));
    console.log('table, rows, bytes a row, bytes an operation');
    for (const name of TABLE_NAMES) {
      const file = parquetFile(run, name);
      const bytes = statSync(file, { throwIfNoEntry: false })?.size;
      if (bytes === undefined) continue;
      const rows = await rowsOf(file);
      const figures = [rows, bytes / Math.max(1, rows), bytes / requests].map(formatted);
      console.log(`  ${name.padEnd(12)} ${figures.join('  ')}`);
    }
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}

function residentPeak(): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return Number.NaN; // There is no /proc here.
  }
}
