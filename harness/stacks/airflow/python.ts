import path from 'node:path';

import { UnavailableError } from '../../model/errors.ts';
import { buildOnce } from '../../system/build-once.ts';
import { cacheFolder } from '../../system/installation.ts';
import { runTool } from '../../system/run-tool.ts';

export interface Python {
  /** `3.11.7` */
  readonly version: string;
  readonly path: string;
}

/** 3.11 first: it is in Airflow's own images and has the fastest wheels; the rest by how well Airflow 3 tests them. */
const CANDIDATES = ['python3.11', 'python3.12', 'python3.10', 'python3.13', 'python3', 'python', 'python3.14'];

const VERSION_AND_PATH = 'import sys; print("%d.%d.%d" % sys.version_info[:3]); print(sys.executable)';

/**
 * A Python that can run this release: WINDTUNNEL_PYTHON, or the first on PATH that fits. `minor`: the one of a lock,
 * `3.11`. A name on PATH is no proof (a
 * version manager leaves shims for versions that it does not have): each is started.
 */
export async function findPython(signal: AbortSignal, release?: string, minor?: string): Promise<Python> {
  const wish = process.env.WINDTUNNEL_PYTHON;
  const refused: string[] = [];
  for (const candidate of wish === undefined || wish === '' ? CANDIDATES : [wish]) {
    const { code, stdout } = await runTool(candidate, ['-c', VERSION_AND_PATH], { timeoutMs: 30_000, signal });
    const [version = '', executable = ''] = stdout.trim().split(/\r?\n/);
    if (code !== 0 || executable === '') continue;
    if (fits(version, release) && (minor === undefined || version.startsWith(`${minor}.`)))
      return { version, path: executable };
    refused.push(version);
  }
  const wanted = `Python ${minor ?? `3.10 to ${newestMinor(release) === 14 ? '3.14' : '3.13'}`}`;
  const found = refused.length > 0 ? ` (found ${[...new Set(refused)].join(', ')})` : '';
  const named = wish ? ` WINDTUNNEL_PYTHON is "${wish}".` : '';
  const airflow = `${minor === undefined ? '' : 'The lock of '}Airflow${release === undefined ? '' : ` ${release}`}`;
  throw new UnavailableError(
    `${airflow} needs ${wanted} and there is none on PATH${found}.${named} ${howToGetPython()}`,
  );
}

/** The `uv` on PATH, or undefined. */
export async function findUv(signal: AbortSignal): Promise<string | undefined> {
  const { code } = await runTool('uv', ['--version'], { timeoutMs: 20_000, signal });
  return code === 0 ? 'uv' : undefined;
}

/** With the hash of each of its wheels: pip refuses any other. */
const UV = path.join(import.meta.dirname, 'uv.txt');

/** The `uv` on PATH, or one of our own in the cache. */
export async function ensureUv(python: Python, log: (line: string) => void, signal: AbortSignal): Promise<string> {
  const found = await findUv(signal);
  if (found !== undefined) return found;
  const uvIn = (place: string) => path.join(place, binFolder(), 'uv');
  const works = async (place: string) =>
    (await runTool(uvIn(place), ['--version'], { timeoutMs: 20_000, signal })).code === 0;
  const { place } = await buildOnce(path.join(cacheFolder(), 'uv'), { works, log, signal }, async (venv, building) => {
    log('installing uv');
    const options = { timeoutMs: 300_000, signal: building };
    const made = await runTool(python.path, ['-m', 'venv', venv], options);
    if (made.code !== 0) {
      throw new UnavailableError(
        `${python.path} cannot make a virtual environment. ${howToGetPython()}\n${tail(made)}`,
      );
    }
    const ours = path.join(venv, binFolder(), 'python');
    const pinned = ['--require-hashes', '--only-binary', ':all:', '--requirement', UV];
    const pip = await runTool(ours, ['-m', 'pip', 'install', '--quiet', ...pinned], options);
    if (pip.code !== 0) throw new UnavailableError(`pip could not install uv. ${REACH_THE_INDEX}\n${tail(pip)}`);
    return {};
  });
  return uvIn(place);
}

export const REACH_THE_INDEX =
  'Check the network, the proxy (HTTPS_PROXY) and the package index that uv and pip are configured for, and try again.';

export function binFolder(): string {
  return process.platform === 'win32' ? 'Scripts' : 'bin';
}

/** The end of a tool's output, without credentials in URLs. */
export function tail({ stdout, stderr }: { stdout: string; stderr: string }, lines = 6): string {
  const said = (stderr.trim() || stdout.trim()).split(/\r?\n/);
  return said
    .slice(-lines)
    .join('\n')
    .replace(/\b\w+:\/\/[^\s/]+@/g, '***@');
}

function fits(version: string, release: string | undefined): boolean {
  const [major, minor = 0] = version.split('.').map(Number);
  return major === 3 && minor >= 10 && minor <= newestMinor(release);
}

/** As the wheels' own Requires-Python says: 3.1 ends at 3.13, 3.2 and later, and checkouts of them, at 3.14. */
function newestMinor(release: string | undefined): number {
  return release !== undefined && /^3\.1\./.test(release) ? 13 : 14;
}

function howToGetPython(): string {
  switch (process.platform) {
    case 'darwin':
      return 'Install one: brew install python@3.12';
    case 'win32':
      return 'Install one: winget install Python.Python.3.12';
    default:
      return 'Install one: sudo apt-get install python3 python3-venv (or your distribution’s packages of that name)';
  }
}
