import { createHash } from 'node:crypto';
import path from 'node:path';

import { StackError } from '../../model/errors.ts';
import { cacheFolder } from '../../system/installation.ts';
import { runTool } from '../../system/run-tool.ts';
import { binFolder, type Python, tail } from './python.ts';
import { indexError } from './releases.ts';

const INSTALL_MS = 15 * 60_000;

/** What goes into a venv; its hash is part of the venv's name, so that another recipe is another venv. */
export interface VenvRecipe {
  /** Begins the folder's name. */
  readonly label: string;
  readonly requirements: readonly string[];
  /** ISO 8601; packages that came later are not seen. */
  readonly asOf: string;
  /** Distinguishes recipes that look alike: what a checkout held. */
  readonly content?: string;
}

export interface VenvTools {
  readonly uv: string;
  readonly python: Python;
  readonly signal: AbortSignal;
}

/** Returns what was installed, for `complete.json`. StackError: it cannot be installed here. */
export async function buildVenv(
  venv: string,
  recipe: VenvRecipe,
  { uv, python, signal }: VenvTools,
): Promise<Record<string, unknown>> {
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

/** Whether its Python still starts and finds Airflow. StackError on a time-out: another run may be using the venv. */
export async function venvRuns(venv: string, signal: AbortSignal): Promise<boolean> {
  const code = 'from importlib.metadata import version; version("apache-airflow-core")';
  const result = await runTool(path.join(venv, binFolder(), 'python'), ['-c', code], { timeoutMs: 60_000, signal });
  if (result.timedOut)
    throw new StackError(`the Python at ${venv} did not answer within a minute: is this machine overloaded?`);
  return result.code === 0;
}
