import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { airflowVersion, isCheckout } from '../../model/build.ts';
import { buildOnce } from '../../system/build-once.ts';
import { cacheFolder } from '../../system/installation.ts';
import { checkoutRecipe, checkoutRoot } from './checkout.ts';
import { binFolder, ensureUv, findPython, type Python } from './python.ts';
import { checkRelease, releaseDate } from './releases.ts';
import { buildVenv, type VenvRecipe, venvRuns } from './venv.ts';

/** A release of Airflow, or a checkout, that is installed; several stacks may run it at once. */
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

/** Raise it when the way of installing changes: old venvs are then left alone. */
const RECIPE_FORMAT = 1;
const EXECUTOR_PATH = fileURLToPath(new URL('../../../docker/executor', import.meta.url));

/** UsageError: no version, one that is too old, or no checkout. Nothing outside this machine is asked. */
export function checkVersion(version: string): void {
  airflowVersion(version);
  if (isCheckout(version)) checkoutRoot(version);
  else checkRelease(version);
}

/**
 * `version` is a release (`3.2.1`) or the path of a source checkout (begins with `.`, `/` or `~`). UsageError: no such
 * version. StackError: it cannot be installed here; the message says what to do.
 */
export async function installAirflow(version: string, options: InstallOptions): Promise<AirflowInstall> {
  const { log, signal } = options;
  checkVersion(version);
  const isPath = isCheckout(version);
  await mkdir(cacheFolder(), { recursive: true, mode: 0o700 });
  const python = await findPython(signal, isPath ? undefined : version);
  const uv = await ensureUv(python, log, signal);
  const recipe = isPath
    ? await checkoutRecipe(version, signal)
    : await releaseRecipe(version, { uv, pythonVersion: python.version, log, signal });
  const folder = path.join(cacheFolder(), 'airflow', folderName(recipe, python));
  const once = { works: (place: string) => venvRuns(place, signal), log, signal };
  const { place: venv, facts } = await buildOnce(folder, once, (place, building) => {
    log(`installing Airflow ${recipe.label} for Python ${python.version}`);
    return buildVenv(place, recipe, { uv, python, signal: building });
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

async function releaseRecipe(version: string, resolver: Parameters<typeof releaseDate>[1]): Promise<VenvRecipe> {
  const requirements = [`apache-airflow==${version}`, 'apache-airflow-providers-postgres'];
  return { label: version, requirements, asOf: await releaseDate(version, resolver) };
}

function folderName(recipe: VenvRecipe, python: Python): string {
  const minor = python.version.split('.').slice(0, 2).join('.');
  // A checkout keeps its venv overnight, although its dependencies are the day's.
  const identity = [RECIPE_FORMAT, python.path, recipe.requirements, recipe.content ?? recipe.asOf];
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  return `${recipe.label}-py${minor}-${hash.slice(0, 8)}`;
}
