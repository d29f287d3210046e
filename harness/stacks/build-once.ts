import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { lock } from 'proper-lockfile';
import { isRecord } from '../handoff/workload.ts';
import { StackError } from '../model/errors.ts';

/** A lock whose owner was killed is taken over after so long; a living owner touches it four times as often. */
const STALE_MS = 12_000;
const TOUCH_MS = 3_000;
const POLL_MS = 500;
/** Longer than any install over a slow line: who waits this long waits for something that has stopped. */
const WAIT_MS = 15 * 60_000;

export interface Once {
  /** Whether what is there can still be used; a Python that was upgraded away breaks the venvs made from it. */
  works(): Promise<boolean>;
  log(line: string): void;
  readonly signal: AbortSignal;
}

/**
 * Fills `folder` once for all processes. It is built in its final place, because a venv holds its own path in every
 * script; what makes it whole is `complete.json`, written last. A folder without one is the rest of a build that was
 * killed: the next one to come holds the lock, removes it and builds anew. Returns what `complete.json` holds.
 */
export async function buildOnce(
  folder: string,
  once: Once,
  build: (signal: AbortSignal) => Promise<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const whole = await read(folder);
  if (whole !== undefined && (await once.works())) return whole;

  await mkdir(path.dirname(folder), { recursive: true });
  const lost = new AbortController();
  const release = await hold(folder, once, () => lost.abort(new StackError(`lost the lock on ${folder}; try again.`)));
  try {
    // Somebody else may have built it while we waited.
    const built = await read(folder);
    if (built !== undefined && (await once.works())) return built;
    await rm(folder, { recursive: true, force: true });
    return await fill(folder, build, AbortSignal.any([once.signal, lost.signal]));
  } finally {
    // A lock that was lost is another's: nothing to release.
    if (!lost.signal.aborted) await release();
  }
}

async function fill(
  folder: string,
  build: (signal: AbortSignal) => Promise<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  try {
    const facts = await build(signal);
    signal.throwIfAborted();
    const note = completeFile(folder);
    await writeFile(`${note}.part`, `${JSON.stringify(facts, null, 2)}\n`);
    await rename(`${note}.part`, note);
    return facts;
  } catch (error) {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    throw error;
  }
}

async function hold(folder: string, { log, signal }: Once, onLost: () => void): Promise<() => Promise<void>> {
  for (let waited = 0; ; waited += POLL_MS) {
    signal.throwIfAborted();
    try {
      return await lock(folder, { realpath: false, stale: STALE_MS, update: TOUCH_MS, onCompromised: onLost });
    } catch (error) {
      if (!isRecord(error) || error.code !== 'ELOCKED') throw error;
    }
    if (waited === 0) log(`waiting for another windtunnel that prepares ${path.basename(folder)}`);
    if (waited > WAIT_MS) {
      throw new StackError(`another windtunnel has been preparing ${folder} for ${WAIT_MS / 60_000} minutes; end it.`);
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function read(folder: string): Promise<Record<string, unknown> | undefined> {
  if (!existsSync(completeFile(folder))) return undefined;
  try {
    const facts: unknown = JSON.parse(await readFile(completeFile(folder), 'utf8'));
    return isRecord(facts) ? facts : undefined;
  } catch {
    // Torn by a full disk or removed meanwhile: as good as not there.
    return undefined;
  }
}

function completeFile(folder: string): string {
  return path.join(folder, 'complete.json');
}
