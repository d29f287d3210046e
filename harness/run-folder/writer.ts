import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { messageOf, StackError, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Recorder } from '../model/recorder.ts';
import { isTableName, type TableName } from '../model/tables.ts';
import { Compactor } from './compactor.ts';
import { TableLines } from './lines.ts';

/** How long an acknowledged row may wait in memory: what a `kill -9` of the harness can cost. */
const FLUSH_MS = 100;

/**
 * How long a table's file of lines becomes before the next is begun, and it is compacted: seven seconds of two thousand
 * requests a second. Less would pack worse; more would take more memory, and keep more on disk.
 */
const SEGMENT_BYTES = 8 << 20;

/** Characters that may wait to be written: a disk that takes nothing for so long is a disk that cannot be written to. */
const WAITING_CHARACTERS = 256 << 20;

export interface RecordLimits {
  readonly segmentBytes?: number;
  readonly waitingCharacters?: number;
}

/**
 * The run folder while the run lasts: append-only files of JSON lines per table, and Parquet of those that were full. A
 * write that reached the kernel survives the harness; only a power cut could take it. Writes are asynchronous: beside a
 * database that syncs to the same disk, even a write to the page cache can take a third of a second, and the fleet must
 * not wait for it.
 */
export class RunFolder implements Recorder {
  readonly path: string;
  readonly #tables = new Map<string, TableLines>();
  readonly #limits: Required<RecordLimits>;
  readonly #compactor: Compactor;
  readonly #timer: NodeJS.Timeout;
  readonly #failure = new AbortController();
  #flushing: Promise<void> | undefined;
  #manifest: Manifest | undefined;
  /** Of what was not written yet: how much it is, and when the oldest was appended. */
  #waiting = 0;
  #waitingSince: number | undefined;
  #writingSince: number | undefined;

  constructor(folder: string, limits: RecordLimits = {}) {
    if (existsSync(folder) && readdirSync(folder).length > 0) {
      throw new UsageError(`The run folder ${folder} is not empty: name another with --out, or remove it.`);
    }
    this.path = folder;
    this.#limits = { segmentBytes: SEGMENT_BYTES, waitingCharacters: WAITING_CHARACTERS, ...limits };
    this.#compactor = new Compactor(folder);
    try {
      mkdirSync(path.join(folder, 'raw'), { recursive: true });
      mkdirSync(path.join(folder, 'logs'));
    } catch (error) {
      throw new UsageError(`The run folder ${folder} cannot be made: ${messageOf(error)}.`, { cause: error });
    }
    this.#timer = setInterval(() => void this.#flush(), FLUSH_MS);
    this.#timer.unref();
  }

  /** Aborts when the record can no longer be written (a full disk): a run that is not recorded is worth nothing. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  log(name: string): string {
    return path.join(this.path, 'logs', `${name}.log`);
  }

  append(table: TableName | `final_${string}`, row: object): void {
    if (this.#waiting > this.#limits.waitingCharacters) {
      // What cannot be written is not collected either.
      this.#fail(`what was to be written first has waited for ${Math.round(this.behindMs / 1000)} s`);
      return;
    }
    let lines = this.#tables.get(table);
    if (!lines) {
      lines = new TableLines(this.path, table);
      this.#tables.set(table, lines);
    }
    const text = JSON.stringify(row);
    lines.push(text);
    this.#waiting += text.length + 1;
    this.#waitingSince ??= performance.now();
  }

  /** Milliseconds since the oldest row was appended that is not with the kernel yet; 0 if all are. */
  get behindMs(): number {
    const since = this.#writingSince ?? this.#waitingSince;
    return since === undefined ? 0 : performance.now() - since;
  }

  /** What became of the segments that were full. */
  get segments(): Readonly<Compactor['counts']> {
    return this.#compactor.counts;
  }

  /** Resolves when everything appended before the call is with the kernel. Never rejects: see `failed`. */
  async flush(): Promise<void> {
    await this.#flush();
    await this.#flush();
  }

  /** One flush at a time, so that each table's lines keep their order. */
  #flush(): Promise<void> {
    this.#flushing ??= this.#writeAll().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  async #writeAll(): Promise<void> {
    this.#writingSince = this.#waitingSince;
    this.#waitingSince = undefined;
    try {
      for (const [name, lines] of this.#tables) await this.#write(name, lines);
    } catch (error) {
      this.#fail(messageOf(error));
    } finally {
      this.#writingSince = undefined;
    }
  }

  async #write(name: string, lines: TableLines): Promise<void> {
    const { waiting } = lines;
    try {
      await lines.write();
    } finally {
      this.#waiting -= waiting;
    }
    // Airflow's own tables come when the load is over: nothing would be gained.
    if (!isTableName(name)) return;
    const full = await lines.turn(this.#limits.segmentBytes);
    if (full !== undefined) this.#compactor.add(name, full);
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

  async writeManifest(manifest: Manifest): Promise<void> {
    this.#manifest = manifest;
    const file = path.join(this.path, 'manifest.json');
    try {
      await writeFile(`${file}.next`, `${JSON.stringify(manifest, null, 2)}\n`);
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

  /** Takes the folder away again, and the one above it if this was all it held. Only after `close`. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
    const parent = path.dirname(this.path);
    if (readdirSync(parent).length === 0) rmdirSync(parent);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
    await this.#compactor.close();
    for (const lines of this.#tables.values()) lines.close();
    this.#tables.clear();
  }
}
