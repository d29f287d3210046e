import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, StackError } from '../model/errors.ts';
import type { SupervisedProcess } from '../model/stack.ts';
import { cacheFolder } from './installation.ts';
import { Niceness } from './niceness.ts';
import { bornAt, environmentHas, familyOf, isAlive, isPostgres, statOf } from './proc.ts';
import { send } from './signals.ts';

/** In the environment of every process we start: names the run it belongs to when everything else is lost. */
const MARKER = 'WINDTUNNEL_RUN';

/** How long a process may take to end after a signal; then it is killed. Its work is disposable. */
const TERM_MS = 3_000;
/** A harness that is asked to end takes its own stack down first: seconds on a busy machine. */
const HARNESS_TERM_MS = 20_000;

interface Entry {
  readonly name: string;
  readonly pid: number;
  /** Start time as the kernel counts it: a pid may be used again, the pair may not. */
  readonly born: string;
}

interface State {
  readonly id: string;
  readonly harness: Entry;
  /** `up`: the processes stay for other commands until `down`; `run`: they end with the one that started them. */
  readonly purpose: Purpose;
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Files that describe databases which hold something of this owner; the caller of `heal` cleans those up. */
  readonly targets: readonly string[];
  readonly processes: readonly Entry[];
}

export type Purpose = 'run' | 'up';

export interface SpawnOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** stdout and stderr go here, appended. */
  readonly log: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Does a part of the harness's work, and must be as little late as the harness itself. */
  readonly isOurs?: boolean;
}

/**
 * Every process and folder that one owner makes, kept on disk as it grows, so that `windtunnel heal` can remove what a
 * killed harness left. Each process leads a session of its own; its descendants are found by that session, by
 * parentage and by the marker in their environment, because each of these alone has a hole (PostgreSQL's backends
 * start sessions of their own, and both PostgreSQL and setproctitle write over their environment).
 */
export class ProcessTable {
  readonly id: string;
  readonly #file: string;
  readonly #purpose: Purpose;
  readonly #niceness = new Niceness();
  #folders: string[] = [];
  #files: string[] = [];
  #targets: string[] = [];
  #processes: (SupervisedProcess & Entry & { readonly child: ChildProcess })[] = [];

  constructor(id: string, purpose: Purpose = 'run') {
    this.id = id;
    this.#purpose = purpose;
    mkdirSync(stateFolder(), { recursive: true });
    this.#file = path.join(stateFolder(), `${id}.json`);
    this.#save();
  }

  get processes(): readonly SupervisedProcess[] {
    return this.#processes;
  }

  /** Makes a folder that `close` removes. StackError if it is there already: it may be another user's. */
  folder(folder: string): string {
    mkdirSync(path.dirname(folder), { recursive: true });
    // Noted before it is made: a crash in between leaves a name too many, never a folder.
    this.#folders.push(folder);
    this.#save();
    try {
      mkdirSync(folder, { mode: 0o755 });
    } catch (error) {
      // Not ours to remove.
      this.#folders = this.#folders.filter((other) => other !== folder);
      this.#save();
      throw new StackError(`The folder ${folder} cannot be made: ${messageOf(error)}.`, { cause: error });
    }
    return folder;
  }

  /** Notes a file that `close` removes. */
  file(file: string): string {
    this.#files.push(file);
    this.#save();
    return file;
  }

  /** Notes the file that describes a database of others which gets something of ours. */
  target(file: string): void {
    this.#targets.push(file);
    this.#save();
  }

  start(name: string, command: string, args: readonly string[], options: SpawnOptions): SupervisedProcess {
    const output = openSync(options.log, 'a');
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...options.env, [MARKER]: this.id },
      detached: true,
      stdio: ['ignore', output, output],
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid }),
    });
    closeSync(output);
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with code ${code}`));
    });
    const pid = child.pid ?? -1;
    const process = {
      name,
      pid,
      log: options.log,
      ended,
      born: bornAt(pid) ?? '',
      child,
    };
    if (pid > 0) {
      this.#processes.push(process);
      if (!options.isOurs) this.#niceness.add(pid);
    }
    this.#save();
    return process;
  }

  /** Ends one PostgreSQL server before the rest. */
  async stop(process: SupervisedProcess): Promise<void> {
    await endProcesses([process.pid], 'SIGQUIT', []);
    this.#processes = this.#processes.filter((p) => p.pid !== process.pid);
    this.#save();
  }

  /** Ends every process, then removes the folders and the state file. Never throws for a process that is gone. */
  async close(): Promise<void> {
    this.#niceness.close();
    await clearAway(this.#state());
  }

  #state(): State {
    return {
      id: this.id,
      harness: { name: 'harness', pid: process.pid, born: bornAt(process.pid) ?? '' },
      purpose: this.#purpose,
      folders: this.#folders,
      files: this.#files,
      targets: this.#targets,
      processes: this.#processes.map(({ name, pid, born }) => ({ name, pid, born })),
    };
  }

  #save(): void {
    const next = `${this.#file}.next`;
    writeFileSync(next, JSON.stringify(this.#state(), null, 2));
    renameSync(next, this.#file);
  }
}

export interface Healed {
  readonly id: string;
  readonly outcome: 'healed' | 'still running' | 'left something';
  readonly processes: number;
  readonly folders: number;
  /** See `ProcessTable.target`: these may still hold something. */
  readonly targets: readonly string[];
}

export interface HealOptions {
  readonly dryRun?: boolean;
  /** Only what this process made. */
  readonly of?: { readonly pid: number; readonly born: string };
}

/** Removes what dead harnesses left. Runs of living harnesses are left alone, unless `ids` names them. */
export async function heal(ids: readonly string[] = [], { dryRun = false, of }: HealOptions = {}): Promise<Healed[]> {
  const results: Healed[] = [];
  for (const state of savedStates()) {
    if (of && (state.harness.pid !== of.pid || state.harness.born !== of.born)) continue;
    const alive = bornAt(state.harness.pid) === state.harness.born && state.harness.born !== '';
    if (alive && !ids.includes(state.id)) {
      results.push({ id: state.id, outcome: 'still running', processes: 0, folders: 0, targets: [] });
      continue;
    }
    if (dryRun) {
      results.push({ id: state.id, outcome: 'left something', processes: 0, folders: 0, targets: [] });
      continue;
    }
    if (alive && state.harness.pid !== process.pid)
      await endProcesses([state.harness.pid], 'SIGTERM', [], HARNESS_TERM_MS);
    const processes = await clearAway(state);
    results.push({
      id: state.id,
      outcome: 'healed',
      processes,
      folders: state.folders.length,
      targets: state.targets,
    });
  }
  return results;
}

/** The ids of the stacks that `up` holds, or held until it was killed. */
export function runningStacks(): string[] {
  return savedStates()
    .filter((state) => state.purpose === 'up')
    .map((state) => state.id);
}

function stateFolder(): string {
  return path.join(cacheFolder(), 'state');
}

function savedStates(): State[] {
  let names: string[];
  try {
    names = readdirSync(stateFolder());
  } catch {
    return []; // This user has never started anything.
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      try {
        return [JSON.parse(readFileSync(path.join(stateFolder(), name), 'utf8')) as State];
      } catch {
        return []; // Written by rename, so a broken one is not ours.
      }
    });
}

/** Removes all that an owner made on this machine; returns how many processes it ended. */
async function clearAway(state: State): Promise<number> {
  const roots = state.processes.filter(({ pid, born }) => bornAt(pid) === born);
  const family = descendants(state.id, roots);
  const postgres = new Set(family.filter(isPostgres));
  // Clients first, so that a database that goes away under them does not fill their logs with errors; and at once,
  // because what an orderly shutdown would save is thrown away with them.
  await endProcesses(
    [],
    'SIGKILL',
    family.filter((pid) => !postgres.has(pid)),
  );
  // Immediate shutdown: a postmaster that is killed instead leaves its shared memory behind.
  const masters = [...postgres].filter((pid) => !postgres.has(statOf(pid)?.parent ?? 0));
  await endProcesses(masters, 'SIGQUIT', [...postgres]);
  for (const folder of state.folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  for (const file of state.files) rmSync(file, { force: true });
  rmSync(path.join(stateFolder(), `${state.id}.json`), { force: true });
  return family.length;
}

/** Sends `signal` to the leaders, waits, and kills whatever is left of leaders and followers. */
async function endProcesses(
  leaders: readonly number[],
  signal: NodeJS.Signals,
  followers: readonly number[],
  patienceMs = TERM_MS,
): Promise<void> {
  for (const pid of leaders) send(pid, signal);
  const all = [...new Set([...leaders, ...followers])];
  for (let waited = 0; waited < patienceMs && leaders.some(isAlive); waited += 50) await sleep(50);
  for (const pid of all) send(pid, 'SIGKILL');
  for (let waited = 0; waited < TERM_MS && all.some(isAlive); waited += 20) await sleep(20);
}

/** All processes that belong to an owner: by session, by parentage, by the marker. Never this process. */
function descendants(id: string, roots: readonly { readonly pid: number }[]): number[] {
  const marked = (pid: number) => environmentHas(pid, `${MARKER}=${id}`);
  return familyOf(
    roots.map(({ pid }) => pid),
    marked,
  ).filter((pid) => pid !== process.pid);
}
