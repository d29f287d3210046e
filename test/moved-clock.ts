import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll } from 'vitest';

import type { Judgement } from '../harness/model/verdict.ts';
import { windtunnel } from './airflow.ts';
import { whyMissing } from './missing.ts';

/**
 * Only PostgreSQL, or only the harness, has a clock that is off: `set-clock.c` is loaded into every process, and does
 * nothing in others.
 */
export const noCompiler = await whyMissing('a C compiler', async () => execFileSync('cc', ['--version']));

/** How far the clock is set ahead, seconds. */
export const OFF = [0.5, -0.5, 2, -2];

export let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-clocks-'));
  // As root, PostgreSQL runs as another user.
  chmodSync(cwd, 0o711);
  if (noCompiler === undefined)
    execFileSync('cc', ['-shared', '-fPIC', '-o', library(), path.join(import.meta.dirname, 'set-clock.c')]);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function library(): string {
  return path.join(cwd, 'set-clock.so');
}

/** Sets the clock of PostgreSQL ahead by so many seconds, also while it runs. Returns the environment for that. */
export function setClock(name: string, seconds: number): NodeJS.ProcessEnv {
  return { ...moved(name, seconds), WINDTUNNEL_PASS_ENV: 'LD_PRELOAD,SET_CLOCK_FILE' };
}

/** The same for the harness: nothing that it starts gets this environment. */
export function setOwnClock(name: string, seconds: number): NodeJS.ProcessEnv {
  return { ...moved(name, seconds), SET_CLOCK_PROGRAM: path.basename(process.execPath) };
}

function moved(name: string, seconds: number): NodeJS.ProcessEnv {
  const file = path.join(cwd, `${name}.clock`);
  writeFileSync(file, String(seconds));
  return { LD_PRELOAD: library(), SET_CLOCK_FILE: file };
}

export const words = (build: string, out: string, duration = '20s') => [
  ...['run', 'seeds', '--build', build, '--seed', '6', '--duration', duration, '--out', out, '--json'],
];

export async function judged(build: string, name: string, seconds: number): Promise<Judgement> {
  const { stdout, stderr } = await windtunnel(words(build, name), cwd, setClock(name, seconds));
  if (stdout === '') throw new Error(stderr.slice(-2_000));
  return JSON.parse(stdout);
}

export function failed({ invariants }: Judgement): string[] {
  return invariants.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name);
}

export function clocks({ assumptions }: Judgement) {
  return assumptions.find(({ name }) => name === 'clocks-agree');
}

export const sentenceOf = (off: number) => `was ${Math.abs(off).toFixed(1)} s ${off > 0 ? 'ahead' : 'behind'}`;
