import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { StackError } from '../../model/errors.ts';
import { cacheFolder } from '../../system/installation.ts';
import { runTool } from '../../system/run-tool.ts';
import { type Lock, newLock } from './lock.ts';
import { binFolder, type Python, tail } from './python.ts';
import { indexError } from './releases.ts';

const INSTALL_MS = 15 * 60_000;

/** What goes into a venv; its hash is part of the venv's name, so that another recipe is another venv. */
export interface VenvRecipe {
  /** Begins the folder's name. */
  readonly label: string;
  readonly wanted: Lock | Requirements;
}

/** What is looked for in the package index. */
export interface Requirements {
  readonly requirements: readonly string[];
  /** ISO 8601; packages that came later are not seen. */
  readonly asOf: string;
  /** Distinguishes recipes that look alike: what a checkout or a wheel held. */
  readonly content?: string;
  /** More arguments for `uv pip install`. */
  readonly options?: readonly string[];
}

/** The lock in a venv that was installed from one. */
export function lockFile(venv: string): string {
  return path.join(venv, 'airflow.lock.txt');
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
  const install = async (...what: readonly string[]) => {
    const args = ['pip', 'install', '--python', inside, '--compile-bytecode', ...what];
    const installed = await runTool(uv, args, options);
    if (installed.code !== 0) throw indexError(`Airflow ${recipe.label} could not be installed`, installed);
  };
  const { label, wanted } = recipe;
  const content = 'text' in wanted ? undefined : wanted.content;
  let lock: Lock | undefined;
  if ('text' in wanted) lock = wanted;
  // A checkout is built where it lies, and a wheel is of no index: uv takes hashes for all packages or for none.
  else if (content === undefined) lock = await resolve(label, wanted, { uv, python, signal });
  else await install('--exclude-newer', wanted.asOf, ...(wanted.options ?? []), ...wanted.requirements);
  if (lock) {
    await writeFile(lockFile(venv), lock.text);
    await install('--require-hashes', '--no-build', '--requirement', lockFile(venv));
  }

  const freeze = await runTool(uv, ['pip', 'freeze', '--python', inside], options);
  if (freeze.code !== 0) throw new StackError(`uv could not list what it installed:\n${tail(freeze)}`);
  const packages = freeze.stdout
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .sort();
  // A checkout's list names a path, which is the same for all that it ever held.
  const identity = content === undefined ? packages : [...packages, content];
  return {
    version: await installedVersion(inside, signal),
    python: python.version,
    ...('text' in wanted ? {} : { as_of: wanted.asOf }),
    ...(lock ? { lock: lock.sha256 } : {}),
    packages_hash: createHash('sha256').update(identity.join('\n')).digest('hex'),
    packages,
  };
}

/** Only wheels: a source distribution would run code of its own, with tools for which there are no hashes. */
async function resolve(
  label: string,
  { requirements, asOf }: Requirements,
  { uv, python, signal }: VenvTools,
): Promise<Lock> {
  const args = ['pip', 'compile', '--no-header', '--no-annotate', '--generate-hashes', '--python', python.path];
  const resolved = await runTool(uv, [...args, '--no-build', '--emit-build-options', '--exclude-newer', asOf, '-'], {
    timeoutMs: INSTALL_MS,
    signal,
    cwd: cacheFolder(),
    stdin: requirements.join('\n'),
  });
  if (resolved.code !== 0) throw indexError(`Airflow ${label} could not be resolved`, resolved);
  return newLock(resolved.stdout, { version: label, python: python.version, asOf });
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
