import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { StackError, UsageError } from '../../model/errors.ts';
import { buildOnce } from '../../system/build-once.ts';
import { cacheFolder } from '../../system/installation.ts';
import { runTool } from '../../system/run-tool.ts';
import type { Recipe } from '../recipe.ts';
import { checkoutRecipe } from './checkout.ts';
import { binFolder, ensureUv, findPython, type Python, tail } from './python.ts';
import { indexError, releaseDate } from './releases.ts';

/** One release of Airflow (or a checkout), installed and ready to be run by as many stacks as like. */
export interface AirflowInstall {
  /** `3.2.1`; for a checkout what its own package says. */
  readonly version: string;
  readonly pythonVersion: string;
  readonly venv: string;
  /** The folder with `airflow` and `python`. */
  readonly bin: string;
  readonly python: string;
  /** sha256 over the sorted list of all installed packages and versions. */
  readonly packagesHash: string;
  /** For PYTHONPATH of every Airflow process: the folder that holds the module `windtunnel_executor`. */
  readonly executorPath: string;
}

export interface InstallOptions {
  log(line: string): void;
  readonly signal: AbortSignal;
}

/** Raised when the way of installing changes: old venvs are then left alone. */
const RECIPE_FORMAT = 1;
const INSTALL_MS = 15 * 60_000;
const EXECUTOR_PATH = fileURLToPath(new URL('../../../docker/executor', import.meta.url));

/**
 * `version` is a release (`3.2.1`) or the path of a source checkout (begins with `.`, `/` or `~`). UsageError: no such
 * version. StackError: it cannot be installed here; the message says what to do.
 */
export async function installAirflow(version: string, options: InstallOptions): Promise<AirflowInstall> {
  const { log, signal } = options;
  const isPath = /^[./~]/.test(version);
  if (!isPath && !/^\d+\.\d+\.\d+((a|b|rc)\d+)?$/.test(version)) {
    throw new UsageError(`"${version}" is not an Airflow version: write three numbers, for example 3.2.2.`);
  }
  await mkdir(cacheFolder(), { recursive: true });
  const python = await findPython(signal, isPath ? undefined : version);
  const uv = await ensureUv(python, log, signal);
  const recipe = isPath
    ? await checkoutRecipe(version, signal)
    : await releaseRecipe(version, { uv, pythonVersion: python.version, log, signal });
  const folder = path.join(cacheFolder(), 'airflow', folderName(recipe, python));
  const once = { works: (place: string) => runs(place, signal), log, signal };
  const { place: venv, facts } = await buildOnce(folder, once, (place, building) => {
    log(`installing Airflow ${recipe.label} for Python ${python.version}`);
    return build(place, recipe, { uv, python, signal: building });
  });
  const bin = path.join(venv, binFolder());
  return {
    version: String(facts.version),
    pythonVersion: String(facts.python),
    venv,
    bin,
    python: path.join(bin, 'python'),
    packagesHash: String(facts.packages_hash),
    executorPath: EXECUTOR_PATH,
  };
}

async function releaseRecipe(version: string, resolver: Parameters<typeof releaseDate>[1]): Promise<Recipe> {
  const requirements = [`apache-airflow==${version}`, 'apache-airflow-providers-postgres'];
  return { label: version, requirements, asOf: await releaseDate(version, resolver) };
}

function folderName(recipe: Recipe, python: Python): string {
  const minor = python.version.split('.').slice(0, 2).join('.');
  // A checkout keeps its venv overnight, although its dependencies are the day's.
  const identity = [RECIPE_FORMAT, python.path, recipe.requirements, recipe.content ?? recipe.asOf];
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  return `${recipe.label}-py${minor}-${hash.slice(0, 8)}`;
}

interface Tools {
  readonly uv: string;
  readonly python: Python;
  readonly signal: AbortSignal;
}

async function build(venv: string, recipe: Recipe, { uv, python, signal }: Tools): Promise<Record<string, unknown>> {
  const options = { timeoutMs: INSTALL_MS, signal, cwd: cacheFolder() };
  const made = await runTool(uv, ['venv', '--quiet', '--no-project', '--python', python.path, venv], options);
  if (made.code !== 0) throw new StackError(`uv could not make a virtual environment at ${venv}:\n${tail(made)}`);

  const inside = path.join(venv, binFolder(), 'python');
  const args = ['pip', 'install', '--quiet', '--python', inside, '--compile-bytecode', '--exclude-newer', recipe.asOf];
  const installed = await runTool(uv, [...args, ...recipe.requirements], options);
  if (installed.code !== 0) throw indexError(`Airflow ${recipe.label} could not be installed`, installed);

  const freeze = await runTool(uv, ['pip', 'freeze', '--python', inside], options);
  if (freeze.code !== 0) throw new StackError(`uv could not list what it installed:\n${tail(freeze)}`);
  const packages = freeze.stdout
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .sort();
  // A checkout's list names a path, which is the same for all that it ever held.
  const identity = recipe.content === undefined ? packages : [...packages, recipe.content];
  return {
    version: await installedVersion(inside, signal),
    python: python.version,
    as_of: recipe.asOf,
    packages_hash: createHash('sha256').update(identity.join('\n')).digest('hex'),
    packages,
  };
}

async function installedVersion(python: string, signal: AbortSignal): Promise<string> {
  const code = 'from importlib.metadata import version; print(version("apache-airflow-core"))';
  const result = await runTool(python, ['-c', code], { timeoutMs: 60_000, signal });
  if (result.code !== 0)
    throw new StackError(`the installed Airflow cannot be asked for its version:\n${tail(result)}`);
  return result.stdout.trim();
}

/** Its Python still starts and sees Airflow; a slow machine is no reason to remove what another run may be using. */
async function runs(venv: string, signal: AbortSignal): Promise<boolean> {
  const code = 'from importlib.metadata import version; version("apache-airflow-core")';
  const result = await runTool(path.join(venv, binFolder(), 'python'), ['-c', code], { timeoutMs: 60_000, signal });
  if (result.timedOut)
    throw new StackError(`the Python at ${venv} did not answer within a minute: is this machine overloaded?`);
  return result.code === 0;
}
