import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { reasonOf, UsageError } from '../model/errors.ts';
import { bornAt } from './proc.ts';

const PREFIX = 'windtunnel-scratch-';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Of this process, not removed yet. */
const open = new Set<string>();

/**
 * A temporary folder, for this user only, that does not outlive this process: it is removed at its exit, and before a
 * signal ends it. What a killed process left is removed by `sweepScratchFolders`, which reads in a folder's name to
 * which process it belongs. UsageError: it cannot be made.
 */
export function makeScratchFolder(): string {
  const owner = `${pidNamespace()}.${process.pid}.${bornAt(process.pid) ?? ''}`;
  try {
    const folder = mkdtempSync(path.join(tmpdir(), `${PREFIX}${owner}-`));
    if (open.size === 0) watchForTheEnd();
    open.add(folder);
    return folder;
  } catch (error) {
    throw new UsageError(noRoom(reasonOf(error)), { cause: error });
  }
}

/** What to do where a temporary folder cannot be made or written to. */
export function noRoom(reason: string): string {
  return `The temporary folder ${tmpdir()} cannot be used (${reason}): make room there, or name another with TMPDIR.`;
}

export async function removeScratchFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  open.delete(folder);
  if (open.size === 0) ignoreTheEnd();
}

/** Removes what processes left that are no more; returns how many folders that were. */
export function sweepScratchFolders(): number {
  const left = readdirSync(tmpdir()).filter((name) => name.startsWith(PREFIX) && isLeft(name));
  // Another user's cannot be removed, and stays until that user heals.
  return left.filter((name) => removed(path.join(tmpdir(), name))).length;
}

function isLeft(name: string): boolean {
  const [namespace, pid, ...born] = name
    .slice(PREFIX.length)
    .replace(/-[^-]*$/, '')
    .split('.');
  // Another container's processes cannot be seen from here.
  return namespace === pidNamespace() && born.join('.') !== '' && bornAt(Number(pid)) !== born.join('.');
}

function removed(folder: string): boolean {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    return true;
  } catch {
    return false;
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
  } catch {
    return 'host'; // Another system than Linux.
  }
}

function removeAll(): void {
  for (const folder of open) removed(folder);
}

/** Where a run or a soak listens as well, it ends in order, and then the process exits. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  removeAll();
  ignoreTheEnd();
  process.kill(process.pid, signal);
}

function watchForTheEnd(): void {
  process.on('exit', removeAll);
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

function ignoreTheEnd(): void {
  process.off('exit', removeAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
