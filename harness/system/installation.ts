import { existsSync, readFileSync, type Stats, statfsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import envPaths from 'env-paths';

import { UsageError } from '../model/errors.ts';

/** The folder of the checkout or of the installed package. */
export const ROOT = path.dirname(createRequire(import.meta.url).resolve('#package.json'));

/** What `node --import` is given so that it runs TypeScript: see there. */
export const TYPESCRIPT = path.join(ROOT, 'bin', 'typescript.mjs');

/** What `node` is started with for the whole program. */
export const WINDTUNNEL = path.join(ROOT, 'bin', 'windtunnel.mjs');

/**
 * What `node` is started with for one of our modules, named without its ending: `moduleArguments(import.meta.url,
 * '../main')`. It is TypeScript in a checkout and JavaScript in a package, as the module that asks.
 */
export function moduleArguments(from: string, specifier: string): string[] {
  return nodeArguments(moduleFile(from, specifier));
}

/** The path of one of our modules, named without its ending. */
export function moduleFile(from: string, specifier: string): string {
  return fileURLToPath(new URL(specifier + path.extname(from), from));
}

/** What `node` is started with to run a file, TypeScript or not. */
export function nodeArguments(file: string): string[] {
  return file.endsWith('.ts') ? ['--import', TYPESCRIPT, file] : [file];
}

/**
 * Installed Airflow releases, migrated databases and the process tables of running harnesses. UsageError: another user
 * can write there. What lies there is run, and what a process table names is removed.
 */
export function cacheFolder(): string {
  const folder = path.resolve(process.env.WINDTUNNEL_CACHE ?? envPaths('windtunnel', { suffix: '' }).cache);
  checkIsNotProc(folder, 'cache folder', 'WINDTUNNEL_CACHE');
  const problem = process.getuid && ownerProblem(statSync(folder, { throwIfNoEntry: false }), process.getuid());
  if (problem === undefined) return folder;
  throw new UsageError(
    `The cache folder ${folder} ${problem}, who could put programs there that windtunnel runs. ` +
      `Make it yours alone (\`chmod go-w\`), or name another with WINDTUNNEL_CACHE.`,
  );
}

/** statfs(2) of /proc, where Node's recursive mkdir never ends. */
const PROC = 0x9fa0;

/** UsageError: no folder can be made there. `variable` names another. */
export function checkIsNotProc(folder: string, what: string, variable: string): void {
  let above = folder;
  while (!existsSync(above)) above = path.dirname(above);
  if (process.platform !== 'linux' || statfsSync(above).type !== PROC) return;
  const why = `${above} holds processes, and no folder can be made there`;
  throw new UsageError(`The ${what} ${folder} cannot be made (${why}): name another with ${variable}.`);
}

/** A group that is the user's first one is taken for the user's own, as where each user has a group. */
function ownerProblem(stats: Stats | undefined, uid: number): string | undefined {
  if (stats === undefined) return undefined;
  const { uid: owner, gid: group, mode } = stats;
  if (owner !== uid && owner !== 0) return `belongs to another user (${owner})`;
  if ((mode & 0o002) !== 0) return 'can be written to by every user';
  if ((mode & 0o020) !== 0 && group !== process.getgid?.()) return `can be written to by the group ${group}`;
  return undefined;
}

export function windtunnelVersion(): string {
  const text = readFileSync(path.join(ROOT, 'package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

/** Imports a TypeScript file that is not ours, wherever it lies. */
export async function importTypeScript(file: string): Promise<unknown> {
  typesAreStripped ??= stripTypes();
  await typesAreStripped;
  return import(pathToFileURL(file).href);
}

let typesAreStripped: Promise<void> | undefined;

async function stripTypes(): Promise<void> {
  const { stripTypes: strip } = await import(pathToFileURL(TYPESCRIPT).href);
  await strip();
}
