/**
 * Where the time goes that judging a run takes, step by step, and whether each step keeps its budget; exit code 1 if
 * one does not.
 *
 *     npm run bench:judge -- [--run FOLDER] [--operations 1000000] [--keep FOLDER]
 *
 * Without --run a minute of the scenario mishaps is played on the reference stack first. With --operations the run is
 * multiplied until it has so many (bench/multiply-run.ts), else it is judged as it is; with --keep the multiplied run
 * stays, in FOLDER.
 *
 * Budgets are CPU time, because other programs use the machine, too, and are relative to what DuckDB needs for the same
 * kind of work on this machine at this moment: planning a statement, and sorting the rows of the run once. They are
 * about twice what the steps took when they were set.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { judge } from '../harness/judge/judge.ts';
import type { Judgement } from '../harness/model/verdict.ts';
import { closeTables } from '../harness/run-folder/close.ts';
import { readManifest } from '../harness/run-folder/manifest.ts';
import { nodeArguments } from '../harness/system/installation.ts';
import { writeReports } from '../reports/write.ts';
import { flagsOf } from '../scripts/flags.ts';
import { multiplyRun } from './multiply-run.ts';

const BIN = fileURLToPath(new URL('../bin/windtunnel.mjs', import.meta.url));

/** Of one step of a kind: so many statements planned, and the run's operations and commits sorted so many times. */
const BUDGETS = {
  opening: { plans: 70, sorts: 1.2 },
  view: { plans: 50, sorts: 3.5 },
  invariant: { plans: 40, sorts: 1.5 },
  assumption: { plans: 20, sorts: 0.8 },
  findings: { plans: 200, sorts: 4 },
  summary: { plans: 90, sorts: 2.5 },
  reports: { plans: 60, sorts: 0.3 },
} as const;
type Kind = keyof typeof BUDGETS;

interface Step {
  readonly name: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

const { values } = flagsOf({
  options: {
    run: { type: 'string' },
    operations: { type: 'string' },
    keep: { type: 'string' },
    // How it starts itself, so that memory is that of judging alone.
    'steps-of': { type: 'string' },
  },
});
const JUDGING_MS = 60 * 60_000;
const scratch = mkdtempSync(path.join(tmpdir(), 'wt-bench-'));
try {
  const of = values['steps-of'];
  await (of === undefined ? measureInChild(values.run) : measureSteps(of));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function measureInChild(given: string | undefined): Promise<void> {
  const wanted = Number(values.operations ?? 0);
  if (!Number.isInteger(wanted) || wanted < 0) {
    console.error(`--operations must be a whole number, not "${values.operations}".`);
    process.exitCode = 2;
    return;
  }
  const base = given ?? (await playOne());
  await closeTables(base);
  const run = wanted > 0 ? (values.keep ?? path.join(scratch, 'large')) : base;
  if (wanted > 0) await multiplyRun(base, run, wanted);
  process.exitCode = await runNode([...nodeArguments(import.meta.filename), '--steps-of', run]);
}

async function measureSteps(run: string): Promise<void> {
  const steps: Step[] = [];
  let began = performance.now();
  let used = process.cpuUsage();
  const start = () => {
    resetPeak();
    began = performance.now();
    used = process.cpuUsage();
  };
  const done = (name: string) => {
    const { user, system } = process.cpuUsage(used);
    const seconds = (performance.now() - began) / 1000;
    steps.push({ name, seconds, cpuSeconds: (user + system) / 1e6, peakBytes: residentPeak() });
    start();
  };
  const unit = await measureUnits();
  start();
  const judgement = await judge(run, { done });
  await writeReports(path.join(scratch, 'reports'), judgement, await readManifest(run));
  done('reports');
  const failed = judgement.invariants.filter(({ why_unknown }) => why_unknown?.startsWith('judging it failed'));
  for (const { name, why_unknown } of failed) console.log(`${name}: ${why_unknown}`);
  const kept = print(judgement, steps, unit);
  process.exitCode = kept && failed.length === 0 ? 0 : 1;
}

/** Prints the steps; false if one took more than its budget. */
function print(judgement: Judgement, steps: readonly Step[], unit: Units): boolean {
  const { operations = 0, commits = 0 } = judgement.counts;
  const millions = (operations + commits) / 1e6;
  console.log(`${operations.toLocaleString('en')} operations and ${commits.toLocaleString('en')} commits`);
  console.log(
    `on this machine now: ${(unit.planSeconds * 1000).toFixed(1)} ms of CPU to plan a statement, ` +
      `${unit.sortSeconds.toFixed(2)} s to sort a million rows`,
  );
  console.log('    wall      CPU   budget   memory');
  const over: string[] = [];
  for (const { name, seconds, cpuSeconds, peakBytes } of steps) {
    const { plans, sorts } = BUDGETS[kindOf(judgement, name)];
    const budget = plans * unit.planSeconds + sorts * millions * unit.sortSeconds;
    if (cpuSeconds > budget) over.push(name);
    const figures = [seconds, cpuSeconds, budget].map((value) => `${value.toFixed(2).padStart(6)} s`);
    console.log(`${figures.join(' ')} ${(peakBytes / 2 ** 20).toFixed(0).padStart(5)} MiB  ${name}`);
  }
  const kinds = new Set(steps.map(({ name }) => kindOf(judgement, name)));
  for (const kind of kinds) {
    const same = steps.filter(({ name }) => kindOf(judgement, name) === kind);
    console.log(`${total(same)}  ${kind}: ${same.length}, together`);
  }
  console.log(
    `${total(steps)}  all, ${over.length === 0 ? 'each within its budget' : `over budget: ${over.join(', ')}`}`,
  );
  return over.length === 0;
}

function total(steps: readonly Step[]): string {
  const sums = [sum(steps.map(({ seconds }) => seconds)), sum(steps.map(({ cpuSeconds }) => cpuSeconds))];
  const peak = Math.max(...steps.map(({ peakBytes }) => peakBytes)) / 2 ** 20;
  return `${sums.map((value) => `${value.toFixed(2).padStart(6)} s`).join(' ')} ${peak.toFixed(0).padStart(14)} MiB`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}

function kindOf({ invariants, assumptions }: Judgement, step: string): Kind {
  if (invariants.some(({ name }) => name === step)) return 'invariant';
  if (assumptions.some(({ name }) => name === step)) return 'assumption';
  return step in BUDGETS ? (step as Kind) : 'view';
}

/** CPU seconds of what judging is made of. */
interface Units {
  readonly planSeconds: number;
  readonly sortSeconds: number;
}

async function measureUnits(): Promise<Units> {
  const database = await DuckDBInstance.create(path.join(scratch, 'units.duckdb'), {
    threads: '2',
    memory_limit: '512MB',
  });
  const connection = await database.connect();
  const rows = (n: number) =>
    `SELECT seq, 'task instance ' || (seq * 7919 % ${Math.ceil(n / 8)}) AS name, seq % 9 AS state
     FROM range(${n}) AS t(seq)`;
  const windows = (table: string) =>
    `SELECT *, lag(state) OVER history AS old_state FROM ${table} WINDOW history AS (PARTITION BY name ORDER BY seq)`;
  try {
    await connection.run(`CREATE TABLE few AS ${rows(10)}; CREATE TABLE many AS ${rows(1_000_000)}`);
    const planned = 20;
    const planSeconds = await cpuOf(
      connection,
      `SELECT count(*) FROM (${windows('few')}) JOIN few USING (name)`,
      planned,
    );
    const sortSeconds = await cpuOf(connection, `CREATE OR REPLACE TABLE sorted AS ${windows('many')}`, 1);
    return { planSeconds: planSeconds / planned, sortSeconds };
  } finally {
    connection.closeSync();
    database.closeSync();
  }
}

async function cpuOf(connection: DuckDBConnection, sql: string, times: number): Promise<number> {
  const used = process.cpuUsage();
  for (let time = 0; time < times; time++) await connection.runAndReadAll(sql);
  const { user, system } = process.cpuUsage(used);
  return (user + system) / 1e6;
}

async function playOne(): Promise<string> {
  const folder = path.join(scratch, 'base');
  const words = ['run', 'mishaps', '--build', 'reference', '--duration', '60s', '--seed', '1', '--out', folder];
  await runNode([BIN, ...words], ['ignore', 'ignore', 'inherit']);
  return folder;
}

async function runNode(
  args: readonly string[],
  stdio: readonly ('ignore' | 'inherit')[] = ['ignore', 'inherit', 'inherit'],
): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: [...stdio], timeout: JUDGING_MS });
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

/** The kernel's own high-water mark: nothing between two readings is missed. */
function residentPeak(): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0; // There is no /proc here.
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
