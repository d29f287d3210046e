import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { shellWord } from '../../reports/commands.ts';
import { soakMarkdown } from '../../reports/markdown/soak.ts';
import type { KnownBaseline } from '../known/against.ts';
import { reasonOf, UsageError } from '../model/errors.ts';
import type { Soak, SoakWindow } from '../model/soak.ts';
import { checkNewFolder } from '../run-folder/out.ts';
import { readSoak } from '../run-folder/soak-index.ts';
import { driftOf } from './drift.ts';
import { knownFile, type SoakKnown } from './known.ts';
import { toReduce } from './retention.ts';
import { neverTested, verdictOf } from './verdict.ts';

/** Files that stay when a window is reduced: what people read, and the plan, with which it can be repeated. */
const SUMMARY = new Set(['manifest.json', 'verdict.json', 'report.md', 'report.html', 'junit.xml']);

/** UsageError: a new soak cannot have this folder. */
export function checkSoakFolder(folder: string): void {
  checkNewFolder(folder, 'soak folder', `choose another --out, or continue with --resume ${shellWord(folder)}`);
}

/** The folder of a soak: its windows, and its index, which is complete on disk at every moment. */
export class SoakFolder {
  readonly path: string;
  #soak: Soak;
  #saving: Promise<void> = Promise.resolve();
  #known: SoakKnown | undefined;

  private constructor(folder: string, soak: Soak) {
    this.path = folder;
    this.#soak = soak;
  }

  static async create(folder: string, soak: Soak, known?: KnownBaseline): Promise<SoakFolder> {
    checkSoakFolder(folder);
    try {
      mkdirSync(folder, { recursive: true });
      if ('target' in soak.subject) chmodSync(folder, 0o700);
      for (const part of ['windows', 'logs']) mkdirSync(path.join(folder, part), { recursive: true });
    } catch (error) {
      throw new UsageError(`The soak folder ${folder} cannot be made: ${reasonOf(error)}.`, { cause: error });
    }
    if (known) writeFileSync(knownFile(folder), known.text);
    const made = new SoakFolder(folder, soak);
    await made.save();
    return made;
  }

  static open(folder: string): SoakFolder {
    return new SoakFolder(folder, readSoak(folder));
  }

  get soak(): Soak {
    return this.#soak;
  }

  log(name: string): string {
    return path.join(this.path, 'logs', `${name}.log`);
  }

  runFolder(window: Pick<SoakWindow, 'folder'>): string {
    return path.join(this.path, window.folder);
  }

  update(change: Partial<Soak>): Promise<void> {
    const soak = { ...this.#soak, ...change };
    const known = this.#known?.resultOf(soak);
    const judged = { verdict: verdictOf(soak), never_tested: neverTested(soak.windows), ...(known && { known }) };
    this.#soak = { ...soak, ...judged };
    return this.save();
  }

  /** From now on each change is compared with the known findings. */
  compareWith(known: SoakKnown | undefined): Promise<void> {
    this.#known = known;
    return this.update({});
  }

  /** What a window has shown: before it is updated. */
  observed(window: Pick<SoakWindow, 'folder'>): Promise<void> | undefined {
    return this.#known?.observed(window.folder);
  }

  updateWindow(folder: string, change: Partial<SoakWindow>): Promise<void> {
    const windows = this.#soak.windows.map((one) => (one.folder === folder ? { ...one, ...change } : one));
    return this.update({ windows, drift: driftOf(windows) });
  }

  /** Removes the tables of windows that exceed the limits. */
  async retain(): Promise<void> {
    const { windows, keep } = this.#soak;
    const sized = windows.map((one) => (one.whole ? { ...one, bytes: bytesOf(this.runFolder(one)) } : one));
    const reduced = new Set(toReduce(sized, keep));
    const kept = sized.map((one, place) => (reduced.has(place) ? this.#reduce(one) : one));
    await this.update({ windows: kept });
  }

  #reduce(window: SoakWindow): SoakWindow {
    const folder = this.runFolder(window);
    // A window without load leaves no folder.
    if (!existsSync(folder)) return { ...window, whole: false, bytes: 0 };
    for (const name of readdirSync(folder))
      if (!SUMMARY.has(name)) rmSync(path.join(folder, name), { recursive: true, force: true });
    return { ...window, whole: false, bytes: bytesOf(folder) };
  }

  /** One at a time, each in one step: a reader sees the state before or after. */
  save(): Promise<void> {
    // A disk that was full may have room again: each attempt fails or succeeds by itself.
    const before = this.#saving.catch(() => undefined);
    this.#saving = before.then(async () => {
      await replace(path.join(this.path, 'soak.json'), `${JSON.stringify(this.#soak, null, 2)}\n`);
      await replace(path.join(this.path, 'soak.md'), soakMarkdown(this.#soak));
    });
    return this.#saving;
  }
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.next`, text);
  await rename(`${file}.next`, file);
}

/** Bytes of all files in a folder; 0 if it does not exist. */
export function bytesOf(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => {
      return sum + (statSync(path.join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0);
    }, 0);
}

/** When a file in the folder was last written; undefined if there is none. */
export function lastWritten(folder: string): Date | undefined {
  if (!existsSync(folder)) return undefined;
  const times = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => statSync(path.join(parentPath, name)).mtimeMs);
  return times.length === 0 ? undefined : new Date(Math.max(...times));
}
