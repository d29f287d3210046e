import { accessSync, constants, existsSync, mkdirSync, readdirSync, statfsSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { reasonOf, UsageError } from '../model/errors.ts';
import { isFolder } from './files.ts';

/**
 * What a command writes is checked before it starts anything. Folders that are missing on the way are made when it is
 * written, by every command.
 */

/** UsageError: something stands where this new folder is to be. `what`: `run folder`; `instead`: what to do then. */
export function checkNewFolder(folder: string, what: string, instead = 'name another with --out, or remove it'): void {
  checkWay(folder, what);
  if (!existsSync(folder)) return;
  if (!isFolder(folder)) throw new UsageError(`The ${what} ${folder} is a file: ${instead}.`);
  if (readdirSync(folder).length > 0) throw new UsageError(`The ${what} ${folder} is not empty: ${instead}.`);
}

/** UsageError: this file, which is written or replaced, cannot be made there. */
export function checkNewFile(file: string, what: string): void {
  checkWay(file, what);
  if (isFolder(file)) throw new UsageError(`The ${what} ${file} is a folder: name a file with --out.`);
}

/** Writes or replaces a file that `checkNewFile` has let pass. */
export function writeNewFile(file: string, text: string): void {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(file, text);
}

/** statfs(2): Node's recursive mkdir never ends there. */
const PROC = 0x9fa0;

/** What is there of the way to it must be folders, the last of them one that can be written to. */
function checkWay(wanted: string, what: string): void {
  let above = path.dirname(path.resolve(wanted));
  while (!existsSync(above)) above = path.dirname(above);
  try {
    if (!isFolder(above)) throw new UsageError(`${above} is a file`);
    accessSync(above, constants.W_OK);
    if (process.platform === 'linux' && statfsSync(above).type === PROC)
      throw new UsageError(`${above} holds processes, and no folder can be made there`);
  } catch (error) {
    const why = error instanceof UsageError ? error.message : `${above}: ${reasonOf(error)}`;
    throw new UsageError(`The ${what} ${wanted} cannot be made (${why}): name another with --out.`, { cause: error });
  }
}
