import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, rmdirSync, rmSync, write } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { messageOf, reasonOf, StackError, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Recorder } from '../model/run-context.ts';
import type { TableName } from '../model/tables.ts';
import { fileMode, linesFile } from './files.ts';
import { checkNewFolder } from './out.ts';

const writing = promisify(write);

/** How long an acknowledged row may wait in memory: what a `kill -9` of the harness can cost. */
const FLUSH_MS = 100;

/** Lines that are joined for one write. */
const LINES_AT_ONCE = 10_000;

/** Characters that may wait to be written: a disk that accepts none for so long has failed. */
const WAITING_CHARACTERS = 256 << 20;

/** The file of a table, and what waits to be written to it. */
interface Waiting {
  readonly file: number;
  lines: string[];
  characters: number;
}

export interface RunFolderOptions {
  readonly waitingCharacters?: number;
  /** For this user only: it has rows of a stack that others use, too. */
  readonly isPrivate?: boolean;
}

/**
 * The run folder while the run lasts: one append-only file of JSON lines a table. A write that reached the kernel
 * survives the harness; only a power failure could lose it. Writes are asynchronous: beside a database that syncs to
 * the same disk, even a write to the page cache can take a third of a second, and the fleet must not wait for it.
 */
export class RunFolder implements Recorder {
  readonly path: string;
  /** The topmost folder that was made for it; undefined if it was there. */
  readonly #made: string | undefined;
  readonly #tables = new Map<string, Waiting>();
  readonly #waitingCharacters: number;
  readonly #timer: NodeJS.Timeout;
  readonly #failure = new AbortController();
  #flushing: Promise<void> = Promise.resolve();
  #manifest: Manifest | undefined;
  /** Of what was not written yet: how much it is, and when the oldest was appended. */
  #waiting = 0;
  #waitingSince: number | undefined;
  #writingSince: number | undefined;
  #closed = false;

  constructor(folder: string, { waitingCharacters = WAITING_CHARACTERS, isPrivate = false }: RunFolderOptions = {}) {
    checkNewFolder(folder, 'run folder');
    this.path = folder;
    this.#waitingCharacters = waitingCharacters;
    try {
      this.#made = mkdirSync(folder, { recursive: true });
      if (isPrivate) chmodSync(folder, 0o700);
      for (const part of ['raw', 'logs']) mkdirSync(path.join(folder, part), { mode: isPrivate ? 0o700 : 0o777 });
    } catch (error) {
      throw new UsageError(`The run folder ${folder} cannot be made: ${reasonOf(error)}.`, { cause: error });
    }
    this.#timer = setInterval(() => void this.flush(), FLUSH_MS);
    this.#timer.unref();
  }

  /** Aborts when the record can no longer be written (a full disk): a run that is not recorded is worth nothing. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  log(name: string): string {
    const file = path.join(this.path, 'logs', `${name}.log`);
    // The process that it is for appends to it, and would make it readable by others.
    if (fileMode(this.path) === 0o600) closeSync(openSync(file, 'a', 0o600));
    return file;
  }

  append(name: TableName | `final_${string}`, row: object): void {
    // Its tables may be Parquet already: a file of lines beside them would be taken for the whole table.
    if (this.#closed) return;
    if (this.#waiting > this.#waitingCharacters) {
      this.#fail(`the oldest row has waited for ${Math.round(this.behindMs / 1000)} s`);
      return;
    }
    let table = this.#tables.get(name);
    if (!table) {
      table = { file: openSync(linesFile(this.path, name), 'a', fileMode(this.path)), lines: [], characters: 0 };
      this.#tables.set(name, table);
    }
    const line = JSON.stringify(row);
    table.lines.push(line);
    table.characters += line.length + 1;
    this.#waiting += line.length + 1;
    this.#waitingSince ??= performance.now();
  }

  /** Milliseconds since the oldest row was appended that is not yet written; 0 if all are. */
  get behindMs(): number {
    const since = this.#writingSince ?? this.#waitingSince;
    return since === undefined ? 0 : performance.now() - since;
  }

  /**
   * Writes what waits, in turn, so that each table's lines keep their order. Resolves when everything appended before
   * the call is with the kernel. Never rejects: see `failed`.
   */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(async () => {
      this.#writingSince = this.#waitingSince;
      this.#waitingSince = undefined;
      try {
        for (const table of this.#tables.values()) {
          const { file, lines, characters } = table;
          table.lines = [];
          table.characters = 0;
          await writeLines(file, lines).finally(() => {
            this.#waiting -= characters;
          });
        }
      } catch (error) {
        this.#fail(messageOf(error));
      } finally {
        this.#writingSince = undefined;
      }
    });
    return this.#flushing;
  }

  #fail(why: string): void {
    if (this.#failure.signal.aborted) return;
    this.#failure.abort(new StackError(`The record cannot be written to ${this.path}: ${why}.`));
  }

  get manifest(): Manifest {
    if (!this.#manifest) throw new Error('the manifest is asked for before it was written');
    return this.#manifest;
  }

  /** Whether there is anything to judge. */
  get loadBegan(): boolean {
    return typeof this.#manifest?.load_started_ms === 'number';
  }

  writeManifest(manifest: Manifest): Promise<void> {
    this.#manifest = manifest;
    return this.write('manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
  }

  /** A file of the folder, which is there whole or not at all. StackError: it cannot be written. */
  async write(name: string, text: string): Promise<void> {
    const file = path.join(this.path, name);
    try {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(`${file}.next`, text, { mode: fileMode(this.path) });
      await rename(`${file}.next`, file);
    } catch (error) {
      throw new StackError(`The record cannot be written to ${this.path}: ${messageOf(error)}.`, { cause: error });
    }
  }

  updateManifest(change: Partial<Manifest>): Promise<void> {
    return this.writeManifest({ ...this.manifest, ...change });
  }

  get hasLogs(): boolean {
    return readdirSync(path.join(this.path, 'logs')).length > 0;
  }

  /** Takes away what was made here: the contents, the folder, and those above it that are empty. Only after `close`. */
  remove(): void {
    for (const name of readdirSync(this.path)) rmSync(path.join(this.path, name), { recursive: true, force: true });
    if (this.#made === undefined) return;
    const above = path.dirname(path.resolve(this.#made));
    for (let folder = path.resolve(this.path); folder !== above; folder = path.dirname(folder)) {
      try {
        rmdirSync(folder);
      } catch {
        return; // Something else is in it now, or it is in use.
      }
    }
  }

  /** Rows that are appended afterwards are dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.flush();
    for (const { file } of this.#tables.values()) closeSync(file);
    this.#tables.clear();
  }
}

/** Never two at a time for one file, or lines would be torn. */
async function writeLines(file: number, lines: readonly string[]): Promise<void> {
  for (let from = 0; from < lines.length; from += LINES_AT_ONCE) {
    let rest = Buffer.from(`${lines.slice(from, from + LINES_AT_ONCE).join('\n')}\n`);
    while (rest.length > 0) {
      const { bytesWritten } = await writing(file, rest);
      rest = rest.subarray(bytesWritten);
    }
  }
}
