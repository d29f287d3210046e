import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { airflowVersion, isPath } from '../../model/build.ts';
import { messageOf, StackError, UsageError } from '../../model/errors.ts';
import { buildOnce } from '../../system/build-once.ts';
import { cacheFolder } from '../../system/installation.ts';
import { atPath, checkoutRecipe, checkoutRoot } from './checkout.ts';
import { type Lock, readLock } from './lock.ts';
import { type Patch, readPatch } from './patch-file.ts';
import { fitPatches, writePatched } from './patching.ts';
import { binFolder, ensureUv, findPython, type Python } from './python.ts';
import { checkRelease, type Resolver, releaseDate } from './releases.ts';
import { buildVenv, lockFile, type VenvRecipe, type VenvTools, venvRuns } from './venv.ts';
import { readWheel, type Wheel, wheelRecipe } from './wheel.ts';

/** An Airflow that is installed; several stacks may run it at once. */
export interface AirflowInstall {
  /** `3.2.1`; for a checkout what its own package says. */
  readonly version: string;
  readonly pythonVersion: string;
  readonly venv: string;
  /** The folder with `airflow` and `python`. */
  readonly bin: string;
  readonly python: string;
  /** sha256 over the sorted list of all installed packages and versions, and over the patches. */
  readonly packagesHash: string;
  /** Absent for a checkout or a wheel, and where it was installed by a windtunnel that kept no locks. */
  readonly lock?: Pick<Lock, 'text' | 'sha256'>;
  /** In the order in which they were applied. */
  readonly patches: readonly Patch[];
  /** For PYTHONPATH of every Airflow process: the folder that holds the module `windtunnel_executor`. */
  readonly executorPath: string;
}

export interface InstallOptions {
  /** Files, in their order. */
  readonly patches?: readonly string[];
  log(line: string): void;
  readonly signal: AbortSignal;
}

/** Raise it when the way of installing changes: old venvs are then left alone. */
const RECIPE_FORMAT = 1;
const EXECUTOR_PATH = fileURLToPath(new URL('../../../docker/executor', import.meta.url));

/** Where an Airflow comes from. */
type Source =
  | { readonly kind: 'release'; readonly version: string }
  | { readonly kind: 'lock'; readonly version: string; readonly lock: Lock }
  | { readonly kind: 'wheel'; readonly version: string; readonly wheel: Wheel }
  | { readonly kind: 'checkout'; readonly folder: string };

/**
 * UsageError, with all that is wrong: no version, one that is too old, no checkout, wheel or lock, no patch. Nothing
 * outside this machine is asked.
 */
export function checkVersion(version: string, patches: readonly string[] = []): void {
  const problems = [() => checkPatchable(sourceOf(version), patches), ...patches.map((file) => () => readPatch(file))]
    .map((check) => {
      try {
        check();
        return undefined;
      } catch (error) {
        if (error instanceof UsageError) return messageOf(error);
        throw error;
      }
    })
    .filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new UsageError([...new Set(problems)].join('\n'));
}

/** UsageError: see `checkVersion`. */
function sourceOf(name: string): Source {
  const version = airflowVersion(name);
  const lock = name.endsWith('.whl') ? undefined : namedLock(version);
  if (lock) return { kind: 'lock', version: lock.version, lock };
  if (name.endsWith('.whl')) {
    const wheel = readWheel(name);
    return { kind: 'wheel', version: wheel.version, wheel };
  }
  if (isPath(version)) return { kind: 'checkout', folder: checkoutRoot(version) };
  checkRelease(version);
  return { kind: 'release', version };
}

function checkPatchable(source: Source, patches: readonly string[]): void {
  const [first] = patches;
  if (first === undefined) return;
  if (source.kind === 'checkout') {
    throw new UsageError(
      `${source.folder} is a checkout, which is run where it lies and is not changed: apply ${first} to it ` +
        '(`git apply`), and name it without.',
    );
  }
  if (new Set(patches).size < patches.length) throw new UsageError('A patch is named twice: name each once.');
}

/** The lock that a build names by its file; undefined for releases and checkouts. UsageError: it is none. */
export function namedLock(version: string): Lock | undefined {
  const file = atPath(version);
  return isPath(version) && existsSync(file) && statSync(file).isFile() ? readLock(file) : undefined;
}

/**
 * `version` is a release (`3.2.1`), or the path of a source checkout, of a wheel or of a lock. UsageError: no such
 * version, or a patch that does not fit it. StackError: it cannot be installed here; the message says what to do.
 */
export async function installAirflow(version: string, options: InstallOptions): Promise<AirflowInstall> {
  const { patches = [], log, signal } = options;
  checkVersion(version, patches);
  await mkdir(cacheFolder(), { recursive: true, mode: 0o700 });
  const source = sourceOf(version);
  const release = source.kind === 'checkout' ? undefined : source.version;
  const python = await findPython(signal, release, source.kind === 'lock' ? source.lock.python : undefined);
  const uv = await ensureUv(python, log, signal);
  const recipe = await recipeOf(source, { uv, pythonVersion: python.version, log, signal });
  const plain = await build(recipe, { uv, python, signal }, log);
  if (patches.length === 0) return plain;
  return buildPatched({ plain, recipe, patches: patches.map(readPatch) }, { uv, python, signal }, log);
}

async function recipeOf(source: Source, resolver: Resolver): Promise<VenvRecipe> {
  switch (source.kind) {
    case 'lock':
      return { label: source.version, wanted: source.lock };
    case 'wheel':
      return wheelRecipe(source.wheel, resolver);
    case 'checkout':
      return checkoutRecipe(source.folder, resolver);
    case 'release':
      return releaseRecipe(source.version, resolver);
    default:
      throw new Error(`unknown source ${JSON.stringify(source satisfies never)}`);
  }
}

async function build(recipe: VenvRecipe, tools: VenvTools, log: (line: string) => void): Promise<AirflowInstall> {
  const folder = path.join(cacheFolder(), 'airflow', folderName(recipe, tools.python));
  const once = { works: (place: string) => venvRuns(place, tools.signal), log, signal: tools.signal };
  const { place, facts } = await buildOnce(folder, once, (place, signal) => {
    log(`installing Airflow ${recipe.label} for Python ${tools.python.version}`);
    return buildVenv(place, recipe, { ...tools, signal });
  });
  return installOf(place, facts, []);
}

interface PatchedRecipe {
  /** The same without the patches. */
  readonly plain: AirflowInstall;
  readonly recipe: VenvRecipe;
  readonly patches: readonly Patch[];
}

/**
 * The same packages again, in an environment of their own, with the patches. Whether they fit is seen on the one
 * without, before anything is made.
 */
async function buildPatched(
  { plain, recipe, patches }: PatchedRecipe,
  tools: VenvTools,
  log: (line: string) => void,
): Promise<AirflowInstall> {
  const to = `Airflow ${plain.version}`;
  await fitPatches(patches, siteOf(plain.venv, tools.python), to);
  for (const { name, leftOut } of patches)
    if (leftOut.length > 0) log(`${name}: without ${leftOut.join(', ')}, which no package has`);
  const hashes = patches.map(({ sha256 }) => sha256);
  const folder = path.join(cacheFolder(), 'airflow', folderName(recipe, tools.python, hashes));
  const once = { works: (place: string) => venvRuns(place, tools.signal), log, signal: tools.signal };
  const { place, facts } = await buildOnce(folder, once, async (place, signal) => {
    log(`installing ${to} with ${patches.map(({ name }) => name).join(' and ')}`);
    const facts = await buildVenv(place, { ...recipe, wanted: await lockOf(plain, recipe) }, { ...tools, signal });
    const site = siteOf(place, tools.python);
    await writePatched(await fitPatches(patches, site, to), site, {
      python: path.join(place, binFolder(), 'python'),
      signal,
    });
    return {
      ...facts,
      packages_hash: hashOf([String(facts.packages_hash), ...hashes].join('\n')),
      patches: patches.map(({ name, sha256 }) => ({ name, sha256 })),
    };
  });
  return installOf(place, facts, patches);
}

/** What an install was made from: its lock, so that both hold the same. */
async function lockOf(plain: AirflowInstall, recipe: VenvRecipe): Promise<VenvRecipe['wanted']> {
  return plain.lock ? readLock(lockFile(plain.venv)) : recipe.wanted;
}

function siteOf(venv: string, python: Python): string {
  return path.join(venv, 'lib', `python${minorOf(python)}`, 'site-packages');
}

function installOf(venv: string, facts: Readonly<Record<string, unknown>>, patches: readonly Patch[]): AirflowInstall {
  const bin = path.join(venv, binFolder());
  return {
    version: String(facts.version),
    pythonVersion: String(facts.python),
    venv,
    bin,
    python: path.join(bin, 'python'),
    packagesHash: String(facts.packages_hash),
    ...keptLock(venv, facts.lock),
    patches,
    executorPath: EXECUTOR_PATH,
  };
}

async function releaseRecipe(version: string, resolver: Resolver): Promise<VenvRecipe> {
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

function folderName(recipe: VenvRecipe, python: Python, patches: readonly string[] = []): string {
  // A checkout keeps its venv overnight, although its dependencies are the day's.
  const { label, wanted } = recipe;
  const identity = 'text' in wanted ? [wanted.sha256] : [wanted.requirements, wanted.content ?? wanted.asOf];
  const hash = hashOf(JSON.stringify([RECIPE_FORMAT, python.path, ...identity, ...patches]));
  return `${label}${patches.length > 0 ? '-patched' : ''}-py${minorOf(python)}-${hash.slice(0, 8)}`;
}

function minorOf(python: Python): string {
  return python.version.split('.').slice(0, 2).join('.');
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
