/**
 * How long after the last request of a task the LocalExecutor of each release knows of its end, and how often that is
 * 5 s late: its supervisor sleeps in `select` where the pipes of the process close before its end can be seen.
 *
 *     npm run news-delay -- [RELEASE…]     the table, from what was kept
 *         --measure [--tasks 120]          plays what is missing first, the releases in turns, and keeps it in
 *                   [--at-once 1,8]        records/news-delay.ndjson: so many tasks with each number of workers at once
 *
 * A task takes about half a second of a processor, and 5 s more where the news is late: about ten minutes in all. It is
 * to be the only load of the machine; the load is kept with each task. Exit code: 0, 2 for wrong arguments, 4 if a
 * release could not be played: what was played is kept.
 */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';

import { messageOf } from '../harness/model/errors.ts';
import { installAirflow } from '../harness/stacks/airflow/install.ts';
import { runTool } from '../harness/system/run-tool.ts';
import { RELEASES } from '../test/fidelity/recording.ts';
import { flagsOf } from './flags.ts';

interface Row {
  readonly release: string;
  /** Supervisors that worked side by side. */
  readonly at_once: number;
  readonly how: string;
  /** From the end of the last answer to the return of the supervisor, milliseconds. */
  readonly ms: number;
  /** Of the minute before, processes that wanted to run. */
  readonly load: number;
}

const { values, positionals } = flagsOf({
  allowPositionals: true,
  options: {
    measure: { type: 'boolean', default: false },
    tasks: { type: 'string', default: '120' },
    'at-once': { type: 'string', default: '1,8' },
  },
});
/** At a time: a round of a release. */
const ROUND = 24;
const LATE_MS = 4_000;
const data = path.join(import.meta.dirname, '..', 'records', 'news-delay.ndjson');
const releases = positionals.length > 0 ? positionals : RELEASES;
const wanted = Number(values.tasks);
const workers = values['at-once'].split(',').map(Number);

if (![wanted, ...workers].every((number) => Number.isInteger(number) && number >= 1)) {
  console.error('--tasks must be a whole number from 1, and --at-once such numbers with commas.');
  process.exitCode = 2;
} else {
  try {
    if (values.measure) await measureMissing();
    console.log(table());
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 4;
  }
}

type Cell = readonly [release: string, atOnce: number];

function rowsOf([release, atOnce]: Cell): readonly Row[] {
  return kept().filter((row) => row.release === release && row.at_once === atOnce);
}

function kept(): readonly Row[] {
  if (!existsSync(data)) return [];
  const lines = readFileSync(data, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Row);
}

async function measureMissing(): Promise<void> {
  const missing = ([release, at_once]: Cell) => wanted - rowsOf([release, at_once]).length;
  const cells = workers.flatMap((at_once) => releases.map((release): Cell => [release, at_once]));
  for (let left = cells; left.length > 0; left = left.filter((cell) => missing(cell) > 0)) {
    for (const cell of left) if (missing(cell) > 0) await round(cell, Math.min(ROUND, missing(cell)));
  }
}

async function round([release, atOnce]: Cell, tasks: number): Promise<void> {
  const signal = AbortSignal.timeout(600_000);
  const { python } = await installAirflow(release, { log: console.error, signal });
  const home = mkdtempSync(path.join(tmpdir(), 'wt-news-'));
  const began = performance.now();
  try {
    const script = path.join(import.meta.dirname, 'news-delay', 'local-executor.py');
    const args = ['-B', script, home, String(tasks), String(atOnce)];
    const { stdout, stderr } = await runTool(python, args, { timeoutMs: 300_000, signal });
    const rows = [...stdout.matchAll(/^NEWS (.*)$/gm)].map(([, row]) => row ?? '');
    if (rows.length === 0) throw new Error(`${release} played no task:\n${stderr.slice(-2_000)}`);
    const load = Number(loadavg()[0]?.toFixed(2));
    for (const row of rows) appendFileSync(data, `${JSON.stringify({ ...JSON.parse(row), load })}\n`);
    console.error(
      `${release}, ${atOnce} at once: ${rows.length} tasks in ${((performance.now() - began) / 1000).toFixed(0)} s`,
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function table(): string {
  const cells = workers.flatMap((at_once) => releases.map((release): Cell => [release, at_once]));
  const lines = cells.map((cell) => {
    const ms = rowsOf(cell).map((row) => row.ms);
    const quick = ms.filter((one) => one < LATE_MS).sort((a, b) => a - b);
    const late = ms.filter((one) => one >= LATE_MS).sort((a, b) => a - b);
    const span = (of: readonly number[]) => (of.length === 0 ? '–' : `${of[0]} to ${of.at(-1)}`);
    const share = ms.length === 0 ? '–' : `${Math.round((100 * late.length) / ms.length)} %`;
    const median = quick[Math.floor(quick.length / 2)] ?? '–';
    return `| ${cell.join(' | ')} | ${ms.length} | ${median} | ${span(quick)} | ${share} | ${span(late)} |`;
  });
  return [
    '| release | workers at once | tasks | median, ms | from, to | 5 s later | from, to |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}
