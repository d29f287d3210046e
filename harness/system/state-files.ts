import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';

import { z } from 'zod';

import { cacheFolder } from './installation.ts';

const ENTRY = z.object({
  name: z.string(),
  pid: z.number().int(),
  /** Start time as the kernel counts it: a pid may be used again, the pair may not. */
  born: z.string(),
});

const STATE = z.object({
  id: z.string().regex(/^[\w-]+$/),
  /** Pids mean something on this machine only, and only until it is started again. */
  host: z.string(),
  boot: z.string(),
  harness: ENTRY,
  /** `up`: the processes stay for other commands until `down`; `run`: they end with the one that started them. */
  purpose: z.enum(['run', 'up']),
  folders: z.array(z.string()),
  files: z.array(z.string()),
  /** Files that describe databases which hold something of this owner, until a query has shown that they do not. */
  targets: z.array(
    z.object({
      file: z.string(),
      /** The stack of `up` that the file describes; null for another. It takes its database with it. */
      stack: z.string().nullable(),
    }),
  ),
  processes: z.array(ENTRY),
});

export type ProcessEntry = Readonly<z.infer<typeof ENTRY>>;
export type SavedState = Readonly<z.infer<typeof STATE>>;

/** What one harness has made, as it is kept on disk, and the file that says so. */
export interface StateFile {
  readonly file: string;
  /** Undefined: it is not what a harness writes. */
  readonly state: SavedState | undefined;
}

export function savedStates(): StateFile[] {
  const folder = stateFolder();
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return []; // This user has never started anything.
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const file = path.join(folder, name);
      try {
        const state = STATE.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
        return [{ file, state: state?.id === path.basename(name, '.json') ? state : undefined }];
      } catch {
        // Gone a moment ago; one that is there is written by rename, so what cannot be read is not ours.
        return existsSync(file) ? [{ file, state: undefined }] : [];
      }
    });
}

export function saveState(state: SavedState): void {
  const file = fileOf(state.id);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.next`, JSON.stringify(state, null, 2));
  renameSync(`${file}.next`, file);
}

/** Keeps what is still to be done; without anything left the file goes. */
export function settleState(state: SavedState, targets: SavedState['targets']): void {
  if (targets.length === 0) rmSync(fileOf(state.id), { force: true });
  else saveState({ ...state, folders: [], files: [], processes: [], targets });
}

/** `restarted`: this machine has been started again since, so no process is left. */
export function placeOf({ host, boot }: SavedState): 'here' | 'restarted' | 'elsewhere' {
  if (host !== hostname()) return 'elsewhere';
  return boot === bootId() ? 'here' : 'restarted';
}

let boot: string | undefined;

/** Of the running kernel: another after each start of the machine. */
export function bootId(): string {
  boot ??= readBootId();
  return boot;
}

function readBootId(): string {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8', timeout: 5_000 }).trim();
  } catch {
    return '';
  }
}

function stateFolder(): string {
  return path.join(cacheFolder(), 'state');
}

function fileOf(id: string): string {
  return path.join(stateFolder(), `${id}.json`);
}
