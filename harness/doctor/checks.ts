import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { availableParallelism, freemem, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { findK6 } from '../fleet/engines/k6-binary.ts';
import { messageOf } from '../model/errors.ts';
import { findPython, findUv } from '../stacks/airflow/python.ts';
import { knownReleases } from '../stacks/airflow/releases.ts';
import { startPostgres } from '../stacks/postgres.ts';
import { childEnvironment } from '../system/environment.ts';
import { cacheFolder } from '../system/installation.ts';
import { freePorts } from '../system/ports.ts';
import { findPostgres } from '../system/postgres-binaries.ts';
import { heal, ProcessTable } from '../system/process-table.ts';

const run = promisify(execFile);

/** Of one thing that the program needs, or that some of its commands need. */
export interface Diagnosis {
  readonly part: string;
  readonly state: 'ok' | 'missing' | 'note';
  readonly sentence: string;
  /** The command that fixes it. */
  readonly fix?: string;
}

/** What this machine has and lacks, one thing after the other. */
export async function examine(): Promise<Diagnosis[]> {
  return [
    node(),
    await python(),
    await uv(),
    await postgres(),
    await chromium(),
    await k6(),
    machine(),
    await leftovers(),
  ];
}

function node(): Diagnosis {
  return { part: 'Node', state: 'ok', sentence: `${process.version} (20.19 or newer is needed)` };
}

/** As `run` looks for it, for the newest release and for the oldest, which needs an older one. */
export async function python(): Promise<Diagnosis> {
  const [oldest = '', newest = oldest] = [knownReleases().at(0), knownReleases().at(-1)];
  const signal = AbortSignal.timeout(40_000);
  try {
    const { version, path: file } = await findPython(signal, newest);
    const lacking = await findPython(signal, oldest).then(() => '', messageOf);
    return {
      part: 'Python',
      state: lacking === '' ? 'ok' : 'note',
      sentence: `${version} at ${file}${lacking === '' ? '' : `, for Airflow ${newest}. ${lacking}`}`,
    };
  } catch (error) {
    return {
      part: 'Python',
      state: 'missing',
      sentence: messageOf(error),
      fix: 'sudo apt-get install python3 python3-venv   (macOS: brew install python@3.12)',
    };
  }
}

async function uv(): Promise<Diagnosis> {
  const found = await findUv(AbortSignal.timeout(20_000)).catch(() => undefined);
  if (found) return { part: 'uv', state: 'ok', sentence: found };
  return { part: 'uv', state: 'note', sentence: `not on PATH; the first run installs it below ${cacheFolder()}` };
}

/** Whether a server starts, answers and can be removed, not only whether its files are there. */
export async function postgres(): Promise<Diagnosis> {
  const named = process.env.WINDTUNNEL_POSTGRES;
  const table = new ProcessTable(`doctor-${randomBytes(3).toString('hex')}`);
  try {
    const folder = table.folder(path.join(tmpdir(), `wt-${table.id}`));
    const [port = 0] = await freePorts(1);
    const signal = AbortSignal.timeout(30_000);
    const { version, from } = findPostgres();
    const started = performance.now();
    await startPostgres({ table, port, log: path.join(folder, 'log'), fsync: false, signal });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const sentence =
      `${version}, from ${from}, starts here (${seconds} s); ` +
      'Airflow on MySQL cannot be tested (docs/target.md says what that would take)';
    return { part: 'PostgreSQL', state: 'ok', sentence };
  } catch (error) {
    return {
      part: 'PostgreSQL',
      state: 'missing',
      sentence: messageOf(error),
      fix: named ? 'unset WINDTUNNEL_POSTGRES   (or name another server)' : 'npm ci',
    };
  } finally {
    await table.close();
  }
}

async function chromium(): Promise<Diagnosis> {
  for (const name of [process.env.CHROMIUM_PATH, 'chromium', 'chromium-browser', 'google-chrome']) {
    if (!name) continue;
    const found = await run(name, ['--version'], { timeout: 20_000, env: childEnvironment() }).catch(() => undefined);
    if (found) return { part: 'Chromium', state: 'ok', sentence: found.stdout.trim() };
  }
  return {
    part: 'Chromium',
    state: 'note',
    sentence: 'not found; only the tests of the reports need it',
    fix: 'sudo apt-get install chromium',
  };
}

async function k6(): Promise<Diagnosis> {
  try {
    const { version, path: file } = await findK6();
    return { part: 'k6', state: 'ok', sentence: `${version} at ${file}, for --engine k6` };
  } catch {
    return {
      part: 'k6',
      state: 'note',
      sentence: 'there is none: needed for --engine k6 only',
      fix: 'go install go.k6.io/k6@v1.8.1',
    };
  }
}

function machine(): Diagnosis {
  const cores = availableParallelism();
  const gib = freemem() / 2 ** 30;
  const sentence = `${cores} cores, ${gib.toFixed(1)} GiB free memory (a stack takes about 2 GiB; 2 cores are enough)`;
  return { part: 'machine', state: cores < 2 || gib < 2 ? 'missing' : 'ok', sentence };
}

async function leftovers(): Promise<Diagnosis> {
  const stale = (await heal({ dryRun: true })).filter(({ outcome }) => outcome === 'left something');
  if (stale.length === 0) return { part: 'leftovers', state: 'ok', sentence: 'no killed run left anything behind' };
  return {
    part: 'leftovers',
    state: 'note',
    sentence: `${stale.length} killed run(s) left something behind`,
    fix: 'windtunnel heal',
  };
}
