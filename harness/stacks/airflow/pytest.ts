import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { StackError } from '../../model/errors.ts';
import type { TestOutcome } from '../../model/exported-test.ts';
import { buildOnce } from '../../system/build-once.ts';
import { childEnvironment } from '../../system/environment.ts';
import { cacheFolder } from '../../system/installation.ts';
import { freePorts } from '../../system/ports.ts';
import type { ProcessTable } from '../../system/process-table.ts';
import { runTool } from '../../system/run-tool.ts';
import { startPostgres } from '../postgres.ts';
import { type AirflowInstall, installAirflow } from './install.ts';
import { migratedTemplate } from './migrate.ts';
import { ensureUv, REACH_THE_INDEX, tail } from './python.ts';

export interface PytestOptions {
  /** A release or a path, as in the name of a build. */
  readonly version: string;
  /** Files, in their order. */
  readonly patches: readonly string[];
  /** The folder with the tests. */
  readonly tests: string;
  /** For what is needed once; the caller removes it. */
  readonly workshop: string;
  readonly table: ProcessTable;
  progress(text: string): void;
  readonly signal: AbortSignal;
}

/** pytest and what it needs, each with the hashes of its wheels. */
const PINNED = path.join(import.meta.dirname, 'pytest.txt');
const INSTALL_MS = 300_000;
/** Importing Airflow takes 5 s, and minutes on a machine that others use; a test waits 30 s for a lock at most. */
const PYTEST_MS = 900_000;
/** At the end of the path: what Airflow has installed stays what it is. */
const START = 'import sys; sys.path.append(sys.argv.pop(1)); import pytest; sys.exit(pytest.main(sys.argv[1:]))';

/** Runs the tests in a folder with this Airflow, on a new database. Nothing is written into its installation. */
export async function runPytest(options: PytestOptions): Promise<TestOutcome> {
  const { version, patches, tests, workshop, table, progress, signal } = options;
  const install = await installAirflow(version, { patches, log: progress, signal });
  const pytest = await installPytest(install, progress, signal);
  const template = await migratedTemplate(install, { table, workshop, progress, signal });
  const [port = 0] = await freePorts(1);
  const log = path.join(workshop, 'postgres.log');
  const postgres = await startPostgres({ table, port, log, template, fsync: false, signal });
  try {
    progress(`pytest with Airflow ${install.version}`);
    return await outcomeOf(
      install,
      [pytest, '-q', '-rfE', '--tb=short', '-p', 'no:cacheprovider', '-o', 'faulthandler_timeout=60'],
      {
        cwd: tests,
        signal,
        env: {
          ...childEnvironment(),
          AIRFLOW_HOME: path.join(workshop, 'airflow'),
          AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: postgres
            .dsn('airflow')
            .replace('postgresql://', 'postgresql+psycopg2://'),
          PATH: `${install.bin}:${process.env.PATH}`,
          PYTHONDONTWRITEBYTECODE: '1',
          // pytest shortens its summary to this width.
          COLUMNS: '400',
          NO_COLOR: '1',
        },
      },
    );
  } finally {
    await table.stop(postgres.process);
  }
}

interface Where {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

function outcomeOf(install: AirflowInstall, args: readonly string[], where: Where): Promise<TestOutcome> {
  const settings = { ...where, timeout: PYTEST_MS, maxBuffer: 64 << 20 };
  return new Promise((resolve, reject) => {
    execFile(install.python, ['-c', START, ...args], settings, (error, stdout, stderr) => {
      if (where.signal.aborted) reject(where.signal.reason);
      else if (error?.killed)
        reject(new StackError(`pytest took longer than ${PYTEST_MS / 1_000} s: ${lastOf(stdout)}`));
      else resolve(pytestOutcome(error === null ? 0 : Number(error.code), `${stdout}\n${stderr}`));
    });
  });
}

/** Failed is what an assertion or the code under test says; an error is a test that could not be carried out. */
export function pytestOutcome(code: number, output: string): TestOutcome {
  const lines = (word: string) =>
    [...output.matchAll(new RegExp(`^${word} \\S+?::(.*)$`, 'gm'))].map(([, line = '']) => line);
  const [failed, errors] = [lines('FAILED'), lines('ERROR')];
  const passed = Number(/(\d+) passed/.exec(output)?.[1] ?? 0);
  if (code === 0 && passed > 0) return { kind: 'passed', passed, lines: [], output };
  if (code === 1 && failed.length > 0 && errors.length === 0) return { kind: 'failed', passed, lines: failed, output };
  return { kind: 'error', passed, lines: errors.length > 0 ? errors : [lastOf(output)], output };
}

function lastOf(output: string): string {
  return output.trim().split('\n').slice(-3).join(' · ');
}

/** A folder for `sys.path`, beside the environments of all releases. */
async function installPytest(
  install: AirflowInstall,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  const minor = install.pythonVersion.split('.').slice(0, 2).join('.');
  const hash = createHash('sha256').update(readFileSync(PINNED)).digest('hex').slice(0, 8);
  const folder = path.join(cacheFolder(), `pytest-py${minor}-${hash}`);
  const works = async (place: string) => existsSync(path.join(place, 'pytest'));
  const { place } = await buildOnce(folder, { works, log, signal }, async (target, building) => {
    log('installing pytest');
    const uv = await ensureUv({ version: install.pythonVersion, path: install.python }, log, building);
    const into = ['pip', 'install', '--quiet', '--python', install.python, '--target', target];
    const pinned = ['--require-hashes', '--no-build', '--requirement', PINNED];
    const options = { timeoutMs: INSTALL_MS, signal: building, cwd: cacheFolder() };
    const installed = await runTool(uv, [...into, ...pinned], options);
    if (installed.code !== 0)
      throw new StackError(`pytest could not be installed. ${REACH_THE_INDEX}\n${tail(installed)}`);
    return {};
  });
  return place;
}
