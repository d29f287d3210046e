/**
 * How long judging takes, and how much memory, for a run of millions of operations.
 *
 *     npm run bench:judge -- [--run FOLDER] [--operations 10000000] [--parts] [--keep FOLDER]
 *
 * A stored run is multiplied: copies of it side by side, as many as a large installation would show at once, and one
 * after another; every copy has ids of its own, so that every copy exercises each invariant. What the copies
 * before it left unfinished an operator has marked failed. Without --run a minute of the scenario mishaps on the
 * reference stack is played first. Then `windtunnel check` judges the whole in a process of its own; its largest
 * resident memory is read from the kernel (Linux). With --parts each part of judging is measured instead; with --keep
 * the multiplied run stays, in FOLDER.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { judge } from '../harness/judge/judge.ts';
import type { Manifest } from '../harness/model/manifest.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { closeTables } from '../harness/run-folder/close.ts';
import { identifier, literal, parquetFile } from '../harness/run-folder/files.ts';
import { readManifest } from '../harness/run-folder/manifest.ts';
import { runTables } from '../harness/run-folder/reader.ts';
import { nodeArguments } from '../harness/system/installation.ts';

/** Copies at the same time: a run of a minute with 45 requests a second becomes one with two thousand. */
const SIDE_BY_SIDE = 50;
/** What a copy beside the first one shares with it. */
const OF_THE_MACHINE: readonly string[] = ['samples', 'backends', 'faults'];
const BIN = fileURLToPath(new URL('../bin/windtunnel.mjs', import.meta.url));
const JUDGING_MS = 60 * 60_000;

const { values } = parseArgs({
  options: {
    run: { type: 'string' },
    operations: { type: 'string', default: '10000000' },
    parts: { type: 'boolean', default: false },
    keep: { type: 'string' },
    // How --parts starts itself on the multiplied run.
    'parts-of': { type: 'string' },
  },
});
const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
try {
  const of = values['parts-of'];
  await (of === undefined ? measureLarge(values.run ?? (await playOne())) : measureParts(of));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function measureLarge(base: string): Promise<void> {
  await closeTables(base);
  const large = values.keep ?? path.join(scratch, 'large');
  const { operations, commits } = await multiply(base, large, Number(values.operations));
  console.log(`${operations.toLocaleString('en')} operations and ${commits.toLocaleString('en')} commits`);
  if (values.parts) await printedBy([...nodeArguments(import.meta.filename), '--parts-of', large]);
  else await judged(large);
}

/** Seconds, CPU seconds and peak of every part of judging; exit code 1 if something could not be judged at all. */
async function measureParts(run: string): Promise<void> {
  let began = performance.now();
  let used = process.cpuUsage();
  const { invariants } = await judge(run, {
    done: (part) => {
      const { user, system } = process.cpuUsage(used);
      const [s, cpu] = [performance.now() - began, (user + system) / 1000].map((ms) =>
        (ms / 1000).toFixed(1).padStart(7),
      );
      const peak = (residentPeak('self') / 2 ** 20).toFixed(0).padStart(5);
      console.log(`${s} s ${cpu} s of CPU  at most ${peak} MiB  ${part}`);
      resetPeak();
      began = performance.now();
      used = process.cpuUsage();
    },
  });
  const failed = invariants.filter(({ why_unknown }) => why_unknown?.startsWith('judging it failed'));
  for (const { name, why_unknown } of failed) console.log(`${name}: ${why_unknown}`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}

async function judged(large: string): Promise<void> {
  const verdict = path.join(scratch, 'out');
  const { seconds, peakBytes, exitCode } = await watched([BIN, 'check', large, '--json'], verdict);
  console.log(
    `judged in ${seconds.toFixed(0)} s with at most ${(peakBytes / 2 ** 20).toFixed(0)} MiB, exit code ${exitCode}`,
  );
  if (exitCode === 2) throw new Error('It could not be judged: see above why.');
  print(JSON.parse(readFileSync(verdict, 'utf8')));
}

function print({ invariants, assumptions }: Judgement): void {
  for (const { name, verdict, exercised, violations, why_unknown } of invariants) {
    console.log(
      `  ${verdict.padEnd(8)} ${name} (${exercised} exercised, ${violations} violations) ${why_unknown ?? ''}`,
    );
  }
  for (const { name, verdict, sentence } of assumptions) console.log(`  ${verdict.padEnd(8)} ${name}: ${sentence}`);
}

async function printedBy(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'], timeout: JUDGING_MS });
  await once(child, 'close');
}

async function playOne(): Promise<string> {
  const folder = path.join(scratch, 'base');
  const words = ['run', 'mishaps', '--build', 'reference', '--duration', '60s', '--seed', '1', '--out', folder];
  await watched([BIN, ...words], path.join(scratch, 'run'));
  return folder;
}

/** Every table of `base`, as many times as it takes; returns what there is then. */
async function multiply(base: string, large: string, wanted: number): Promise<{ operations: number; commits: number }> {
  mkdirSync(path.join(large, 'raw'), { recursive: true });
  const manifest = await readManifest(base);
  const database = await DuckDBInstance.create(':memory:', { memory_limit: '2GB', temp_directory: scratch });
  const connection = await database.connect();
  try {
    const tables = await runTables(connection, base);
    for (const { name, select } of tables) await connection.run(`CREATE TABLE ${name} AS ${select}`);
    const periods = Math.ceil(wanted / (await count(connection, 'FROM operations')) / SIDE_BY_SIDE);
    const periodMs = (manifest.ended_ms ?? 0) + 1_000;
    await connection.run(markUnfinished(manifest));
    for (const { name, source } of tables) {
      if (source === null) continue;
      const columns = await connection.runAndReadAll(`DESCRIBE ${name}`);
      const names = columns.getRowObjectsJS().map((row) => String(row.column_name));
      const shifted = names.map((column) => shift(column, name, { periods, periodMs }));
      // The machine is one, whatever runs on it; and what is known of a DAG in the end is known once.
      const copies =
        name === 'final_dag'
          ? `range(${SIDE_BY_SIDE})`
          : `range(0, ${periods * SIDE_BY_SIDE}, ${OF_THE_MACHINE.includes(name) ? SIDE_BY_SIDE : 1})`;
      await connection.run(
        `COPY (SELECT ${shifted.join(', ')} FROM ${copies} AS copies(k), ${name} AS one)
         TO ${literal(parquetFile(large, name))} (FORMAT parquet, COMPRESSION zstd)`,
      );
    }
    writeFileSync(path.join(large, 'manifest.json'), JSON.stringify(longer(manifest, (periods - 1) * periodMs)));
    const rows = (name: string) => count(connection, `FROM ${literal(parquetFile(large, name))}`);
    return { operations: await rows('operations'), commits: await rows('commits') };
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}

/** The same DAGs would have their limits exceeded, and their runs' order mixed up, by the copies beside them. */
function longer(manifest: Manifest, laterMs: number): Manifest {
  const later = (ms: number | null) => (ms === null ? null : ms + laterMs);
  const { scenario } = manifest.plan;
  const dags = Array.from({ length: SIDE_BY_SIDE }, (_, copy) =>
    // Each copy has the same dates again.
    scenario.dags.map((dag) => ({ ...dag, schedule: null, dag_id: `${dag.dag_id}~${copy}` })),
  ).flat();
  return {
    ...manifest,
    plan: { ...manifest.plan, scenario: { ...scenario, dags } },
    load_ended_ms: later(manifest.load_ended_ms),
    ended_ms: later(manifest.ended_ms),
  };
}

/** Else what had not ended would wait, and count as running, until the last copy has ended. */
function markUnfinished({ load_ended_ms, ended_ms }: Manifest): string {
  const ended = "('success', 'failed', 'skipped', 'upstream_failed', 'removed')";
  return `
    INSERT INTO commits BY NAME
    SELECT * REPLACE (
      (SELECT max(seq) FROM commits) + row_number() OVER (ORDER BY relation, seq) AS seq,
      (SELECT max(xid) FROM commits) + 1 AS xid, 'update' AS change, NULL AS old_id,
      CASE relation WHEN 'backfill' THEN NULL ELSE 'failed' END AS state,
      CASE relation WHEN 'backfill' THEN json_merge_patch("row", '{"completed_at": "2026-12-31T00:00:00+00:00"}')
        ELSE "row" END AS "row",
      greatest((SELECT max(committed_ms) FROM commits), ${load_ended_ms ?? ended_ms ?? 0}) AS committed_ms,
      'wt-api-core-1' AS writer)
    FROM (
      FROM commits WHERE relation IN ('task_instance', 'dag_run', 'backfill')
      QUALIFY row_number() OVER (PARTITION BY relation, id ORDER BY seq DESC) = 1
        -- An id that a later try replaced is no more.
        AND (relation, id) NOT IN (SELECT relation, old_id FROM commits WHERE old_id IS NOT NULL)
    )
    WHERE change <> 'delete' AND coalesce(state NOT IN ${ended}, true) AND ("row" ->> 'completed_at') IS NULL;
    UPDATE final_task_instance SET state = 'failed' WHERE coalesce(state NOT IN ${ended}, true);
    UPDATE final_dag_run SET state = 'failed' WHERE coalesce(state NOT IN ${ended}, true);`;
}

interface Periods {
  readonly periods: number;
  readonly periodMs: number;
}

/** One column of a copy: later by whole periods, and with ids that no other copy has. */
function shift(column: string, table: string, time: Periods): string {
  const name = identifier(column);
  const as = `AS ${name}`;
  const period = `(k // ${SIDE_BY_SIDE})`;
  if (column.endsWith('_ms')) return `${name} + ${period} * ${time.periodMs} ${as}`;
  if (table === 'samples' && column === 'value') return `${value(period, time.periods - 1)} ${as}`;
  if (['op', 'life', 'seq', 'xid', 'window', 'backfill_id', 'dag_run_id', 'duplicate_of'].includes(column))
    return `${name} + k * 1000000 ${as}`;
  if (['id', 'old_id', 'ti_id', 'task_instance_id', 'trigger_id', 'correlation_id'].includes(column))
    return `${id(name)} ${as}`;
  if (column === 'target') return `CASE kind WHEN 'backfill' THEN ${id(name)} ELSE ${name} END ${as}`;
  if (table === 'server_log' && ['statement', 'detail', 'message'].includes(column)) return `${uuids(name)} ${as}`;
  if (column === 'run_id') return `${name} || '~' || k ${as}`;
  if (column === 'dag_id') return `${name} || '~' || (k % ${SIDE_BY_SIDE}) ${as}`;
  // A DAG has one run for each logical date.
  if (column === 'row' && table === 'commits') {
    const dated = `replace("row"::VARCHAR, '"logical_date":"2026', '"logical_date":"' || (2026 + ${period}))::JSON`;
    const ofRun = `json_merge_patch("row", json_object('dag_run_id', ${id(`("row" ->> '$.dag_run_id')`)}))`;
    return `CASE relation WHEN 'xcom' THEN ${ofRun} ELSE ${dated} END ${as}`;
  }
  return name;
}

/** Numbers stay numbers; of other ids the first eight digits are the copy's. */
function id(name: string): string {
  return `coalesce((try_cast(${name} AS BIGINT) + k * 1000000)::VARCHAR, ${uuids(`${name}::VARCHAR`)})`;
}

function uuids(text: string): string {
  return `regexp_replace(${text}, '[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})',
    format('{:08x}\\1', k), 'g')`;
}

/** Counters go on where the copies before ended; what the load makes is there as many times as there are copies. */
function value(period: string, last: number): string {
  return `CASE
    WHEN metric IN ('sent', 'handed', 'deadlocks') THEN ${SIDE_BY_SIDE} * (value + ${period} * (
      SELECT max(value) FROM samples AS other WHERE other.metric = one.metric AND other.source = one.source))
    WHEN metric IN ('cpu_s', 'backfill_checks') THEN value + ${period} * (
      SELECT max(value) FROM samples AS other WHERE other.metric = one.metric AND other.source = one.source)
    WHEN metric IN ('live_lives', 'requests_in_flight') THEN ${SIDE_BY_SIDE} * value
    WHEN metric = 'api_quiescent' AND ${period} < ${last} THEN 0
    ELSE value END`;
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
function residentPeak(pid: number | 'self'): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // It has just ended, or there is no /proc here.
  }
}

/** The next reading is of what comes now (Linux). */
function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // There is no /proc here.
  }
}
