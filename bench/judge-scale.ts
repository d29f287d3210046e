/**
 * How long judging takes, and how much memory, for a run of millions of operations.
 *
 *     npm run bench:judge -- [--run FOLDER] [--operations 10000000]
 *
 * A stored run is multiplied: copies of it side by side, as many as a large installation would show at once, and one
 * after another; every copy has ids of its own, so that each promise is put to the test in every copy. Without --run a
 * minute of the scenario mishaps on the reference stack is played first. Then `windtunnel check` judges the whole in a
 * process of its own, whose largest resident memory is read from the kernel (Linux).
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

import { closeTables } from '../harness/judge/compact.ts';
import { readManifest } from '../harness/judge/manifest.ts';
import { identifier, literal, parquetFile, runTables } from '../harness/judge/run-tables.ts';

/** Copies at the same time: a run of a minute with 45 requests a second becomes one with two thousand. */
const SIDE_BY_SIDE = 50;
const BIN = fileURLToPath(new URL('../bin/windtunnel.mjs', import.meta.url));
const JUDGING_MS = 60 * 60_000;

const { values } = parseArgs({
  options: { run: { type: 'string' }, operations: { type: 'string', default: '10000000' } },
});
const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
try {
  const base = values.run ?? (await playOne());
  await closeTables(base);
  const large = path.join(scratch, 'large');
  const { operations, commits } = await multiply(base, large, Number(values.operations));
  console.log(`${operations.toLocaleString('en')} operations and ${commits.toLocaleString('en')} commits`);
  const { seconds, peakBytes, exitCode } = await watched([BIN, 'check', large, '--json'], path.join(scratch, 'out'));
  console.log(
    `judged in ${seconds.toFixed(0)} s with at most ${(peakBytes / 2 ** 20).toFixed(0)} MiB, exit code ${exitCode}`,
  );
  const verdict = JSON.parse(readFileSync(path.join(scratch, 'out'), 'utf8'));
  for (const { name, verdict: v, chances, violations, why_unknown } of verdict.invariants) {
    console.log(`  ${String(v).padEnd(8)} ${name} (${chances} chances, ${violations} violations) ${why_unknown ?? ''}`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function playOne(): Promise<string> {
  const folder = path.join(scratch, 'base');
  const words = ['run', 'mishaps', '--build', 'reference', '--duration', '60s', '--seed', '1', '--out', folder];
  await watched([BIN, ...words], path.join(scratch, 'run'));
  return folder;
}

/** Every table of `base`, as many times as it takes; returns what there is then. */
async function multiply(base: string, large: string, wanted: number): Promise<{ operations: number; commits: number }> {
  mkdirSync(large);
  const manifest = await readManifest(base);
  const database = await DuckDBInstance.create(':memory:', { memory_limit: '2GB', temp_directory: scratch });
  const connection = await database.connect();
  try {
    const tables = await runTables(connection, base);
    const of = (name: string) => tables.find((table) => table.name === name)?.select ?? '';
    const copies = Math.ceil(wanted / (await count(connection, of('operations'))));
    const periodMs = (manifest.ended_ms ?? 0) + 1_000;
    for (const { name, source, select } of tables) {
      if (source === null) continue;
      const columns = await connection.runAndReadAll(`DESCRIBE ${select}`);
      const shifted = columns.getRowObjectsJS().map((row) => shift(String(row.column_name), name, periodMs));
      await connection.run(
        `COPY (SELECT ${shifted.join(', ')} FROM range(${copies}) AS copies(k), (${select}) AS one)
         TO ${literal(parquetFile(large, name))} (FORMAT parquet, COMPRESSION zstd)`,
      );
    }
    const laterMs = Math.floor((copies - 1) / SIDE_BY_SIDE) * periodMs;
    const later = (ms: number | null) => (ms === null ? null : ms + laterMs);
    writeFileSync(
      path.join(large, 'manifest.json'),
      JSON.stringify({ ...manifest, load_ended_ms: later(manifest.load_ended_ms), ended_ms: later(manifest.ended_ms) }),
    );
    const rows = (name: string) => count(connection, `FROM ${literal(parquetFile(large, name))}`);
    return { operations: await rows('operations'), commits: await rows('commits') };
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}

/** One column of a copy: later by whole periods, and with ids that no other copy has. */
function shift(column: string, table: string, periodMs: number): string {
  const name = identifier(column);
  const as = `AS ${name}`;
  if (column.endsWith('_ms')) return `${name} + (k // ${SIDE_BY_SIDE}) * ${periodMs} ${as}`;
  if (['op', 'twin', 'life', 'seq', 'xid', 'window', 'backfill_id', 'dag_run_id'].includes(column))
    return `${name} + k * 1000000 ${as}`;
  if (['id', 'old_id', 'run_id', 'ti_id', 'task_instance_id', 'correlation_id'].includes(column)) {
    const text = `${name}::VARCHAR`;
    return `coalesce((try_cast(${text} AS BIGINT) + k * 1000000)::VARCHAR, ${text} || '~' || k) ${as}`;
  }
  // A DAG has one run for each logical date.
  if (column === 'row' && table === 'commits') {
    return `replace("row"::VARCHAR, '"logical_date":"2026', '"logical_date":"' || (2026 + k))::JSON ${as}`;
  }
  return name;
}

async function count(connection: DuckDBConnection, select: string): Promise<number> {
  const [row] = (await connection.runAndReadAll(`SELECT count(*) AS n FROM (${select})`)).getRowObjectsJS();
  return Number(row?.n ?? 0);
}

async function watched(args: readonly string[], output: string) {
  const began = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: JUDGING_MS });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  let exitCode: number | null | undefined;
  child.once('close', (code) => {
    exitCode = code;
  });
  let peakBytes = 0;
  while (exitCode === undefined) {
    peakBytes = Math.max(peakBytes, residentPeak(child.pid ?? 0));
    await sleep(100);
  }
  writeFileSync(output, Buffer.concat(chunks));
  return { seconds: (performance.now() - began) / 1000, peakBytes, exitCode };
}

/** The kernel's own high-water mark: nothing between two readings is missed. */
function residentPeak(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // It has just ended, or there is no /proc here.
  }
}
