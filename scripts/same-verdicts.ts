/**
 * Whether stored runs have the same verdicts as before a change of the judge, evidence and sentences included:
 *
 *     npm run same-verdicts -- --before COMMIT RUN...
 *
 * Judges copies of the runs with the code of the commit, and with that of this tree, and prints every difference by its
 * path in verdict.json. Takes some seconds a run. The commit must do with the packages that are installed. Exit code:
 * 0 all equal, 1 not, 2 wrong arguments.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { isRecord } from '../harness/model/json.ts';
import { flagsOf } from './flags.ts';

const USAGE = 'Usage: npm run same-verdicts -- --before COMMIT RUN...';
const MOST_SHOWN = 20;
const JUDGING_MS = 10 * 60_000;

const root = path.join(import.meta.dirname, '..');
const { values, positionals: runs } = flagsOf({ options: { before: { type: 'string' } }, allowPositionals: true });
const problems = [
  ...(values.before === undefined || runs.length === 0 ? [USAGE] : []),
  ...runs
    .filter((run) => !existsSync(path.join(run, 'manifest.json')))
    .map((run) => `${run} is not a run folder: name folders made by \`windtunnel run\`.`),
];
if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(2);
}

const scratch = mkdtempSync(path.join(tmpdir(), 'windtunnel-verdicts-'));
const before = path.join(scratch, 'before');
try {
  git('worktree', 'add', '--quiet', '--detach', before, values.before ?? '');
  symlinkSync(path.join(root, 'node_modules'), path.join(before, 'node_modules'));
  let equal = 0;
  for (const run of runs) {
    const differing = differences(verdictOf(before, run), verdictOf(root, run));
    console.log(differing.length === 0 ? `equal    ${run}` : `differs  ${run}`);
    for (const line of differing.slice(0, MOST_SHOWN)) console.log(`  ${line}`);
    if (differing.length > MOST_SHOWN) console.log(`  and ${differing.length - MOST_SHOWN} more`);
    if (differing.length === 0) equal++;
  }
  console.log(`${equal} of ${runs.length} equal`);
  process.exitCode = equal === runs.length ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
  git('worktree', 'prune');
}

function git(...words: readonly string[]): void {
  execFileSync('git', words, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Of a copy, because judging writes reports; always in the same place, because the verdict names it. */
function verdictOf(tree: string, run: string): unknown {
  const copy = path.join(scratch, 'run');
  rmSync(copy, { recursive: true, force: true });
  cpSync(run, copy, { recursive: true });
  const words = [path.join(tree, 'bin', 'windtunnel.mjs'), 'check', copy, '--json'];
  const { stdout, stderr, status } = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    timeout: JUDGING_MS,
  });
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`${tree} did not judge ${run} (exit code ${status}): ${stderr.trim()}`);
  }
}

function differences(old: unknown, now: unknown, at = ''): string[] {
  if (Array.isArray(old) && Array.isArray(now)) return differences({ ...old }, { ...now }, at);
  if (isRecord(old) && isRecord(now)) {
    const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
    return names.flatMap((name) => differences(old[name], now[name], at === '' ? name : `${at}.${name}`));
  }
  return isSame(old, now) ? [] : [`${at}: ${JSON.stringify(old)} before, ${JSON.stringify(now)} now`];
}

/** The last digits of a sum depend on the order in which it is taken. */
function isSame(old: unknown, now: unknown): boolean {
  if (typeof old !== 'number' || typeof now !== 'number') return old === now;
  return Math.abs(old - now) <= 1e-12 * Math.abs(old);
}
