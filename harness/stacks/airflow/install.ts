import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { airflowVersion, isPath } from '../../model/build.ts';
import { StackError } from '../../model/errors.ts';
import { buildOnce } from '../../system/build-once.ts';
import { cacheFolder } from '../../system/installation.ts';
import { atPath, checkoutRecipe, checkoutRoot } from './checkout.ts';
import { type Lock, readLock } from './lock.ts';
import { binFolder, ensureUv, findPython, type Python } from './python.ts';
import { checkRelease, releaseDate } from './releases.ts';
import { buildVenv, lockFile, type VenvRecipe, venvRuns } from './venv.ts';

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
  /** Absent for a checkout, and where it was installed by a windtunnel that kept no locks. */
  readonly lock?: Pick<Lock, 'text' | 'sha256'>;
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

/** UsageError: no version, one that is too old, no checkout, or no lock. Nothing outside this machine is asked. */
export function checkVersion(version: string): void {
  airflowVersion(version);
  if (namedLock(version)) return;
  if (isPath(version)) checkoutRoot(version);
  else checkRelease(version);
}

/** The lock that a build names by its file; undefined for releases and checkouts. UsageError: it is none. */
export function namedLock(version: string): Lock | undefined {
  const file = atPath(version);
  return isPath(version) && existsSync(file) && statSync(file).isFile() ? readLock(file) : undefined;
}

/**
 * `version` is a release (`3.2.1`), or the path of a source checkout or of a lock. UsageError: no such version.
 * StackError: it cannot be installed here; the message says what to do.
 */
export async function installAirflow(version: string, options: InstallOptions): Promise<AirflowInstall> {
  const { log, signal } = options;
  checkVersion(version);
  await mkdir(cacheFolder(), { recursive: true, mode: 0o700 });
  const lock = namedLock(version);
  const isCheckout = lock === undefined && isPath(version);
  const python = await findPython(signal, isCheckout ? undefined : (lock?.version ?? version), lock?.python);
  const uv = await ensureUv(python, log, signal);
  let recipe: VenvRecipe;
  if (lock) recipe = { label: lock.version, wanted: lock };
  else if (isCheckout) recipe = await checkoutRecipe(version, signal);
  else recipe = await releaseRecipe(version, { uv, pythonVersion: python.version, log, signal });
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
    ...keptLock(venv, facts.lock),
    executorPath: EXECUTOR_PATH,
  };
}

async function releaseRecipe(version: string, resolver: Parameters<typeof releaseDate>[1]): Promise<VenvRecipe> {
  const requirements = [`apache-airflow==${version}`, 'apache-airflow-providers-postgres'];
  return { label: version, wanted: { requirements, asOf: await releaseDate(version, resolver) } };
}

/** As it was when the venv was made. StackError: it was changed, and does not say what is installed. */
function keptLock(venv: string, sha256: unknown): Pick<AirflowInstall, 'lock'> {
  if (typeof sha256 !== 'string') return {};
  const text = readFileSync(lockFile(venv), 'utf8');
  if (hashOf(text) === sha256) return { lock: { text, sha256 } };
  throw new StackError(
    `${lockFile(venv)} was changed after Airflow was installed from it: remove ${path.dirname(venv)}.`,
  );
}

function folderName(recipe: VenvRecipe, python: Python): string {
  const minor = python.version.split('.').slice(0, 2).join('.');
  // A checkout keeps its venv overnight, although its dependencies are the day's.
  const { label, wanted } = recipe;
  const identity = 'text' in wanted ? [wanted.sha256] : [wanted.requirements, wanted.content ?? wanted.asOf];
  const hash = hashOf(JSON.stringify([RECIPE_FORMAT, python.path, ...identity]));
  return `${label}-py${minor}-${hash.slice(0, 8)}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
