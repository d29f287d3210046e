import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { expect } from 'vitest';

import { findK6 } from '../harness/fleet/engines/k6-binary.ts';
import { findPython } from '../harness/stacks/airflow/python.ts';
import { WINDTUNNEL } from '../harness/system/installation.ts';
import { whyMissing } from './missing.ts';

/**
 * Why the tests against the real Airflow cannot run here, or undefined. In CI, which must have Python, that is an
 * error.
 */
export function whyNoAirflow(): Promise<string | undefined> {
  return whyMissing('Python', () => findPython(AbortSignal.timeout(30_000)));
}

/** Why the tests of the engine k6 cannot run here, or undefined. In CI, which must have k6, that is an error. */
export function whyNoK6(): Promise<string | undefined> {
  return whyMissing('k6', findK6);
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** What it has printed on stderr so far. */
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
}

/** Starts the real command as a user would, in `cwd`. */
export function start(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, [WINDTUNNEL, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { pid: child.pid ?? -1, ended, stderr: () => stderr, kill: (signal) => void child.kill(signal) };
}

export function windtunnel(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return start(args, cwd, env).ended;
}

/** A place for the stacks of one test, to be its TMPDIR: others on the machine have theirs elsewhere. */
export function stacksFolder(cwd: string): string {
  const folder = path.join(cwd, 'tmp');
  mkdirSync(folder);
  // For root, PostgreSQL runs as another user, who must be able to enter.
  for (const way of [cwd, folder]) chmodSync(way, 0o711);
  return folder;
}

/** Processes of stacks in that folder: they work there, or their command line or environment names it. */
export function stackProcesses(folder: string): string[] {
  const lines = execFileSync('ps', ['axeww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return lines
    .split('\n')
    .filter((line) => line.includes(folder) || worksIn(folder, line))
    .map((line) => line.slice(0, 300))
    .filter((line) =>
      /\/wt-[0-9a-f]{6}[-/]|airflow (scheduler|dag-processor|api[-_]server)|reference\/main\.ts|k6\/worker\.ts/.test(
        line,
      ),
    );
}

/** Pids of real workers of stacks in that folder, and of their tasks: all of them work in a folder of their own. */
export function workerProcesses(folder: string): string[] {
  if (!existsSync('/proc')) return [];
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && worksIn(folder, pid, /\/wt-[0-9a-f]{6}-workers/));
}

/** Neither process nor folder of a stack there. */
export function expectNothingLeft(folder: string): void {
  expect(stackProcesses(folder)).toEqual([]);
  expect(workerProcesses(folder)).toEqual([]);
  expect(temporaryFolders(folder)).toEqual([]);
}

export async function until(what: string, condition: () => boolean, withinMs = 120_000): Promise<void> {
  for (let waited = 0; !condition(); waited += 100) {
    if (waited > withinMs) throw new Error(`waited ${withinMs / 1000} s for ${what}`);
    await sleep(100);
  }
}

/** A process that sets its title, as Airflow's do, writes over its environment. */
function worksIn(folder: string, line: string, place = /^/): boolean {
  try {
    const cwd = readlinkSync(`/proc/${Number.parseInt(line, 10)}/cwd`);
    return cwd.startsWith(folder) && place.test(cwd);
  } catch {
    return false; // Gone, another user's, or no /proc here.
  }
}

export function readLines(file: string): Record<string, unknown>[] {
  const text = readFileSync(file, 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line): Record<string, unknown> => JSON.parse(line));
}

export function temporaryFolders(folder: string): string[] {
  return readdirSync(folder).filter((name) => /^wt-[0-9a-f]{6}(-|$)/.test(name));
}
