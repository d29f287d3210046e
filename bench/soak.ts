/**
 * Does a soak hold? One of so many hours unbroken, and one of the same seed that is killed twice with `kill -9`, in the middle of a
 * window, and resumed; one after the other, or `--at-once` where the machine carries both. Prints the drift of the harness, what the
 * folder took on the disk, and both verdicts; exit 1 if they differ, if an acknowledged report was lost, or if a window is missing.
 *
 *     npm run bench:soak -- --hours 2 --window 10m [--build reference] [--scenario seeds] [--seed 7] [--disk 1GB] [--at-once] [--out DIR]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Soak } from '../harness/model/soak.ts';
import { parseSeconds } from '../harness/run/plan.ts';
import { bytesOf } from '../harness/soak/folder.ts';
import { size } from '../reports/soak.ts';
import { soakText } from '../reports/terminal/soak.ts';

const { values } = parseArgs({
  options: {
    hours: { type: 'string', default: '2' },
    window: { type: 'string', default: '10m' },
    build: { type: 'string', default: 'reference' },
    scenario: { type: 'string', default: 'seeds' },
    seed: { type: 'string', default: '7' },
    disk: { type: 'string', default: '1GB' },
    'at-once': { type: 'boolean', default: false },
    out: { type: 'string', default: path.join(tmpdir(), `wt-bench-soak-${process.pid}`) },
  },
});
const PROGRAM = path.join(import.meta.dirname, '..', 'bin', 'windtunnel.mjs');
/** The invariant that a lost acknowledgement violates. */
const DURABLE = 'acknowledged-is-durable';

const windowS = parseSeconds(values.window) ?? 600;
const planned = Math.max(3, Math.round((Number(values.hours) * 3600) / windowS));

function soak(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [PROGRAM, 'soak', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function begin(folder: string): ChildProcess {
  const { scenario, build, window, seed, disk } = values;
  const duration = `${planned * windowS}s`;
  const load = ['--build', build, '--duration', duration, '--window', window, '--seed', seed];
  return soak([scenario, ...load, '--disk', disk, '--out', folder]);
}

const ended = (child: ChildProcess) => new Promise<void>((resolve) => child.once('exit', () => resolve()));

function read(folder: string): Soak | undefined {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'soak.json'), 'utf8')) as Soak;
  } catch {
    return undefined; // Not begun yet.
  }
}

/** Kills it half way through the load of that window. */
async function killIn(number: number, folder: string, child: ChildProcess): Promise<void> {
  const over = ended(child);
  const begun = () => {
    const window = read(folder)?.windows.find((one) => one.number === number && one.ended === null);
    if (!window) return false;
    const file = path.join(folder, window.folder, 'manifest.json');
    try {
      return JSON.parse(readFileSync(file, 'utf8')).load_started_ms !== null;
    } catch {
      return false; // The window has no manifest yet.
    }
  };
  while (!begun() && child.exitCode === null) await sleep(200);
  await sleep(windowS * 500);
  child.kill('SIGKILL');
  await over;
}

/** Prints what a soak shows of the harness; returns what is wrong with it. */
function report(name: string, folder: string): string[] {
  const index = read(folder);
  if (!index) return [`${name}: no index`];
  const completed = index.windows.filter((one) => one.ended === 'completed');
  console.log(`\n${name}\n${soakText(index, { color: false })}`);
  for (const { metric, windows, per_hour, change, p_value, trend } of index.drift) {
    if (!/^(harness\.(rss|heap)|database)/.test(metric)) continue;
    const slope = per_hour === null ? 'no slope' : `${size(per_hour)} an hour`;
    const share = change === null ? '' : `, ${(change * 100).toFixed(1)} % in all`;
    console.log(
      `  ${metric}: ${slope}${share}, ${windows} windows, p = ${p_value?.toPrecision(2) ?? 'none'}: ${trend}`,
    );
  }
  const most = Math.max(0, ...index.windows.map(({ bytes }) => bytes));
  console.log(
    `  disk: ${size(bytesOf(folder))}, of which logs ${size(bytesOf(path.join(folder, 'logs')))}; a window at most ${size(most)}`,
  );
  const lost = index.windows.reduce((sum, { judged }) => sum + (judged?.broken[DURABLE] ?? 0), 0);
  const tested = index.windows.filter(({ judged }) => judged?.kept.includes(DURABLE)).length;
  console.log(
    `  ${DURABLE}: ${lost} violations; kept in ${tested} of ${index.windows.length} windows, broken-off ones included`,
  );
  const numbers = new Set(completed.map(({ number }) => number));
  return [
    ...(lost > 0 ? [`${name}: ${lost} acknowledged reports were lost`] : []),
    ...(numbers.size === planned ? [] : [`${name}: ${numbers.size} of ${planned} windows were played`]),
  ];
}

const [whole, broken] = [path.join(values.out, 'unbroken'), path.join(values.out, 'killed')];
console.log(`${planned} windows of ${windowS} s, in ${values.out}`);
const unbroken = ended(begin(whole));
if (!values['at-once']) await unbroken;
await killIn(Math.ceil(planned / 3), broken, begin(broken));
await killIn(Math.ceil((2 * planned) / 3), broken, soak(['--resume', broken]));
await Promise.all([unbroken, ended(soak(['--resume', broken]))]);

const problems = [...report('unbroken', whole), ...report('killed twice and resumed', broken)];
const verdicts = [read(whole)?.verdict, read(broken)?.verdict];
if (verdicts[0] !== verdicts[1])
  problems.push(`the verdicts differ: ${verdicts.join(' unbroken, ')} killed and resumed`);
console.log(problems.length === 0 ? `\nboth: ${verdicts[0]}` : `\n${problems.join('\n')}`);
process.exitCode = problems.length === 0 ? 0 : 1;
