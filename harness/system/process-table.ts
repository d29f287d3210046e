import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, StackError } from '../model/errors.ts';
import type { SupervisedProcess } from '../model/stack.ts';
import { Niceness } from './niceness.ts';
import { bornAt, environmentHas, familyOf, isAlive, isPostgres, statOf } from './proc.ts';
import { send } from './signals.ts';
import {
  bootId,
  type ProcessEntry,
  placeOf,
  type SavedState,
  savedStates,
  saveState,
  settleState,
} from './state-files.ts';

/** In the environment of every process we start: names the run it belongs to when everything else is lost. */
const MARKER = 'WINDTUNNEL_RUN';

/** How long a process may take to end after a signal; then it is killed. Its work is disposable. */
const TERM_MS = 3_000;
/** A harness that is asked to end takes its own stack down first: seconds on a busy machine. */
const HARNESS_TERM_MS = 20_000;

type Purpose = SavedState['purpose'];

/** For root: the user that a server runs as. */
export interface FolderOwner {
  readonly uid: number;
  readonly gid: number;
}

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
  readonly #purpose: Purpose;
  readonly #niceness = new Niceness();
  #folders: string[] = [];
  #files: string[] = [];
  #targets: SavedState['targets'] = [];
  #processes: (SupervisedProcess & ProcessEntry & { readonly child: ChildProcess })[] = [];

  constructor(id: string, purpose: Purpose = 'run') {
    this.id = id;
    this.#purpose = purpose;
    this.#save();
  }

  get processes(): readonly SupervisedProcess[] {
    return this.#processes;
  }

  /**
   * Makes a folder that `close` removes, and that its owner alone can enter. StackError if it is there already: it may
   * be another user's.
   */
  folder(folder: string, owner?: FolderOwner): string {
    mkdirSync(path.dirname(folder), { recursive: true });
    // Noted before it is made: a crash in between leaves a name too many, never a folder.
    this.#folders.push(folder);
    this.#save();
    try {
      mkdirSync(folder, { mode: 0o700 });
      if (owner) chownSync(folder, owner.uid, owner.gid);
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

  /**
   * Notes the file that describes a database of others which gets something of ours. Until `release` it stays noted,
   * also after `close`: `heal` looks at that database.
   */
  target(file: string): void {
    const stack = savedStates().find(({ state }) => state?.purpose === 'up' && state.files.includes(file));
    this.#targets.push({ file, stack: stack?.state?.id ?? null });
    this.#save();
  }

  /** A query has shown that nothing of ours is left there. */
  release(file: string): void {
    this.#targets = this.#targets.filter((target) => target.file !== file);
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
    await endProcesses([known(process.pid)], 'SIGQUIT', []);
    this.#processes = this.#processes.filter((p) => p.pid !== process.pid);
    this.#save();
  }

  /**
   * Ends every process, then removes the folders, and the state file if no target is noted in it. Never throws for a
   * process that is gone.
   */
  async close(): Promise<void> {
    this.#niceness.close();
    await clearAway(this.#state());
  }

  #state(): SavedState {
    return {
      id: this.id,
      host: hostname(),
      boot: bootId(),
      harness: { name: 'harness', pid: process.pid, born: bornAt(process.pid) ?? '' },
      purpose: this.#purpose,
      folders: this.#folders,
      files: this.#files,
      targets: this.#targets,
      processes: this.#processes.map(({ name, pid, born }) => ({ name, pid, born })),
    };
  }

  #save(): void {
    saveState(this.#state());
  }
}

export interface Healed {
  readonly id: string;
  /** `unreadable`: the file with this name in the state folder is none of ours. */
  readonly outcome: 'healed' | 'still running' | 'left something' | 'of another machine' | 'unreadable';
  readonly processes: number;
  readonly folders: number;
  /** See `ProcessTable.target`: these may still hold something, and stay noted until `releaseTarget`. */
  readonly targets: readonly string[];
}

export interface HealOptions {
  readonly dryRun?: boolean;
  /** Only what this process made. */
  readonly of?: { readonly pid: number; readonly born: string };
  /** Only these, also of living harnesses; without it, all of dead ones. */
  readonly ids?: readonly string[];
}

/** Removes what dead harnesses left on this machine. Of living ones it removes what `ids` names, and nothing else. */
export async function heal({ dryRun = false, of, ids }: HealOptions = {}): Promise<Healed[]> {
  const results: Healed[] = [];
  for (const { file, state } of savedStates()) {
    if (state === undefined) {
      if (!of && !ids) results.push(resultOf(file, 'unreadable'));
      continue;
    }
    if (of && (state.harness.pid !== of.pid || state.harness.born !== of.born)) continue;
    if (ids && !ids.includes(state.id)) continue;
    const place = placeOf(state);
    const alive = place === 'here' && state.harness.born !== '' && bornAt(state.harness.pid) === state.harness.born;
    if (place === 'elsewhere') results.push(resultOf(state.id, 'of another machine'));
    else if (alive && !ids) results.push(resultOf(state.id, 'still running'));
    else if (dryRun) results.push(resultOf(state.id, 'left something'));
    else {
      if (alive && state.harness.pid !== process.pid)
        await endProcesses([state.harness], 'SIGTERM', [], HARNESS_TERM_MS);
      const processes = await clearAway(state);
      results.push({ ...resultOf(state.id, 'healed'), processes, folders: state.folders.length });
    }
  }
  // Last, because the stack of a target may have gone with these.
  return results.map((result) => (result.outcome === 'healed' ? { ...result, targets: targetsOf(result.id) } : result));
}

function resultOf(id: string, outcome: Healed['outcome']): Healed {
  return { id, outcome, processes: 0, folders: 0, targets: [] };
}

/** Those of a dead harness that may still hold something. A stack of `up` that is gone took its database with it. */
function targetsOf(id: string): string[] {
  const states = savedStates();
  const state = states.find((one) => one.state?.id === id)?.state;
  if (state === undefined) return [];
  const isThere = (stack: string | null) => stack === null || states.some((one) => one.state?.id === stack);
  const targets = state.targets.filter(({ stack }) => isThere(stack));
  settleState(state, targets);
  return [...new Set(targets.map(({ file }) => file))];
}

/** A query has shown that nothing of this dead harness is left in the database that the file describes. */
export function releaseTarget(id: string, file: string): void {
  const state = savedStates().find((one) => one.state?.id === id)?.state;
  if (state !== undefined)
    settleState(
      state,
      state.targets.filter((target) => target.file !== file),
    );
}

/** The ids of the stacks that `up` holds on this machine, or held until it was killed. */
export function runningStacks(): string[] {
  return savedStates().flatMap(({ state }) =>
    state?.purpose === 'up' && placeOf(state) !== 'elsewhere' ? [state.id] : [],
  );
}

/**
 * Removes all that an owner made on this machine; returns how many processes it ended. What it has in databases of
 * others stays noted.
 */
async function clearAway(state: SavedState): Promise<number> {
  // Before the machine was started again, the same pid was another process.
  const ended = placeOf(state) === 'here' ? await endFamily(state) : 0;
  for (const folder of state.folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  for (const file of state.files) rmSync(file, { force: true });
  settleState(state, state.targets);
  return ended;
}

async function endFamily(state: SavedState): Promise<number> {
  const roots = state.processes.filter(({ pid, born }) => bornAt(pid) === born);
  const family = descendants(state.id, roots).map(known);
  const postgres = new Set(family.map(({ pid }) => pid).filter(isPostgres));
  // Clients first, so that a database that goes away under them does not fill their logs with errors; and at once,
  // because what an orderly shutdown would save is thrown away with them.
  await endProcesses(
    [],
    'SIGKILL',
    family.filter(({ pid }) => !postgres.has(pid)),
  );
  // Immediate shutdown: a postmaster that is killed instead leaves its shared memory behind.
  const servers = family.filter(({ pid }) => postgres.has(pid));
  const masters = servers.filter(({ pid }) => !postgres.has(statOf(pid)?.parent ?? 0));
  await endProcesses(masters, 'SIGQUIT', servers);
  return family.length;
}

type Known = Pick<ProcessEntry, 'pid' | 'born'>;

function known(pid: number): Known {
  return { pid, born: bornAt(pid) ?? '' };
}

/** The process itself, and not another one that has its pid by now. */
function isStillThere({ pid, born }: Known): boolean {
  return bornAt(pid) === born && isAlive(pid);
}

/** Sends `signal` to the leaders, waits, and kills whatever is left of leaders and followers. */
async function endProcesses(
  leaders: readonly Known[],
  signal: NodeJS.Signals,
  followers: readonly Known[],
  patienceMs = TERM_MS,
): Promise<void> {
  const sendTo = (all: readonly Known[], what: NodeJS.Signals) => {
    for (const one of all) if (isStillThere(one)) send(one.pid, what);
  };
  sendTo(leaders, signal);
  for (let waited = 0; waited < patienceMs && leaders.some(isStillThere); waited += 50) await sleep(50);
  const all = [...leaders, ...followers];
  sendTo(all, 'SIGKILL');
  for (let waited = 0; waited < TERM_MS && all.some(isStillThere); waited += 20) await sleep(20);
}

/** All processes that belong to an owner: by session, by parentage, by the marker. Never this process. */
function descendants(id: string, roots: readonly { readonly pid: number }[]): number[] {
  const marked = (pid: number) => environmentHas(pid, `${MARKER}=${id}`);
  return familyOf(
    roots.map(({ pid }) => pid),
    marked,
  ).filter((pid) => pid !== process.pid);
}
