import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { lock } from 'proper-lockfile';

import { StackError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';

/** A living owner touches its lock four times as often. */
const STALE_MS = 12_000;
const POLL_MS = 500;
/** Longer than any installation over a slow line: a build that takes longer has stopped. */
const WAIT_MS = 15 * 60_000;

export interface Once {
  /** Whether what is there can still be used: a Python that was upgraded away breaks the venvs made from it. */
  works(place: string): Promise<boolean>;
  log(line: string): void;
  readonly signal: AbortSignal;
  /** After how long the lock of an owner that was killed is taken over; at least two seconds. */
  readonly staleMs?: number;
}

export interface Built {
  /** The folder that `build` filled. */
  readonly place: string;
  /** What it returned. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * Builds something once for all processes, and keeps it. Each attempt has a place of its own below `folder`, its
 * final one, because a venv holds its own path in every script; `complete.json`, written last, says which attempt is
 * whole. So neither a killed build nor what its orphaned installer still writes can spoil the next one, which holds the
 * lock and removes the rest.
 */
export async function buildOnce(
  folder: string,
  once: Once,
  build: (place: string, signal: AbortSignal) => Promise<Record<string, unknown>>,
): Promise<Built> {
  const whole = await readBuilt(folder);
  if (whole !== undefined && (await once.works(whole.place))) return whole;

  await mkdir(path.dirname(folder), { recursive: true });
  const lost = new AbortController();
  const release = await hold(folder, once, () => lost.abort(new StackError(`lost the lock on ${folder}; try again.`)));
  try {
    // Another process may have built it while we waited.
    const built = await readBuilt(folder);
    if (built !== undefined && (await once.works(built.place))) return built;
    return await attempt(folder, build, AbortSignal.any([once.signal, lost.signal]));
  } finally {
    // A lock that was lost is another's: nothing to release.
    if (!lost.signal.aborted) await release();
  }
}

async function attempt(
  folder: string,
  build: (place: string, signal: AbortSignal) => Promise<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Built> {
  const name = randomBytes(4).toString('hex');
  const place = path.join(folder, name);
  await mkdir(folder, { recursive: true });
  try {
    const facts = await build(place, signal);
    signal.throwIfAborted();
    const note = completeFile(folder);
    await writeFile(`${note}.part`, `${JSON.stringify({ place: name, facts }, null, 2)}\n`);
    await rename(`${note}.part`, note);
    await removeAllBut(folder, [name, path.basename(note)]);
    return { place, facts };
  } catch (error) {
    await rm(place, { recursive: true, force: true, maxRetries: 3 });
    // Empty unless an older attempt is there, which is its finder's to judge.
    await rmdir(folder).catch(() => undefined);
    throw error;
  }
}

async function removeAllBut(folder: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!kept.includes(name)) await rm(path.join(folder, name), { recursive: true, force: true, maxRetries: 3 });
  }
}

async function hold(
  folder: string,
  { log, signal, staleMs = STALE_MS }: Once,
  onLost: () => void,
): Promise<() => Promise<void>> {
  for (let waited = 0; ; waited += POLL_MS) {
    signal.throwIfAborted();
    try {
      return await lock(folder, { realpath: false, stale: staleMs, update: staleMs / 4, onCompromised: onLost });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ELOCKED')) throw error;
    }
    if (waited === 0) log(`waiting for another windtunnel that prepares ${path.basename(folder)}`);
    if (waited > WAIT_MS) {
      throw new StackError(`another windtunnel has been preparing ${folder} for ${WAIT_MS / 60_000} minutes; end it.`);
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** What is whole there; undefined: nothing is. */
export async function readBuilt(folder: string): Promise<Built | undefined> {
  try {
    const note: unknown = JSON.parse(await readFile(completeFile(folder), 'utf8'));
    if (!isRecord(note) || typeof note.place !== 'string' || !isRecord(note.facts)) return undefined;
    return { place: path.join(folder, note.place), facts: note.facts };
  } catch {
    // Not there; or torn by a full disk, which is as good as not there.
    return undefined;
  }
}

function completeFile(folder: string): string {
  return path.join(folder, 'complete.json');
}
