import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  write as writeWithCallback,
} from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { messageOf, StackError, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import type { TableName } from '../model/tables.ts';

/** How long an acknowledged row may wait in memory: what a `kill -9` of the harness can cost. */
const FLUSH_MS = 100;

const write = promisify(writeWithCallback);

/**
 * The run folder while the run lasts: one append-only file of JSON lines per table. A write that reached the kernel
 * survives the harness; only a power cut could take it. Writes are asynchronous: beside a database that syncs to the
 * same disk, even a write to the page cache can take a third of a second, and the fleet must not wait for it.
 */
export class RunFolder {
  readonly path: string;
  readonly #tables = new Map<string, Buffered>();
  readonly #timer: NodeJS.Timeout;
  readonly #failure = new AbortController();
  #flushing: Promise<void> | undefined;
  /** When the first of the rows was appended that wait for the next flush, and of those that are being written. */
  #waitingSinceMs: number | undefined;
  #writingSinceMs: number | undefined;
  #manifest: Manifest | undefined;

  constructor(folder: string) {
    if (existsSync(folder) && readdirSync(folder).length > 0) {
      throw new UsageError(`The run folder ${folder} is not empty: name another with --out, or remove it.`);
    }
    this.path = folder;
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
    this.appendLines(table, `${JSON.stringify(row)}\n`);
  }

  /** Whole lines of JSON, each with its end. */
  appendLines(table: TableName | `final_${string}`, lines: string): void {
    let buffer = this.#tables.get(table);
    if (!buffer) {
      buffer = { file: openSync(path.join(this.path, 'raw', `${table}.ndjson`), 'a'), lines: [] };
      this.#tables.set(table, buffer);
    }
    buffer.lines.push(lines);
    this.#waitingSinceMs ??= performance.now();
  }

  /** Age of the oldest row that is appended and not yet with the kernel. */
  get behindMs(): number {
    const sinceMs = this.#writingSinceMs ?? this.#waitingSinceMs;
    return sinceMs === undefined ? 0 : performance.now() - sinceMs;
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
    this.#writingSinceMs = this.#waitingSinceMs;
    this.#waitingSinceMs = undefined;
    try {
      for (const buffer of this.#tables.values()) await writeLines(buffer);
      this.#writingSinceMs = undefined;
    } catch (error) {
      if (this.#failure.signal.aborted) return;
      this.#failure.abort(new StackError(`The record cannot be written to ${this.path}: ${messageOf(error)}.`));
    }
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
    for (const { file } of this.#tables.values()) closeSync(file);
    this.#tables.clear();
  }
}

interface Buffered {
  readonly file: number;
  lines: string[];
}

async function writeLines(buffer: Buffered): Promise<void> {
  if (buffer.lines.length === 0) return;
  let rest = Buffer.from(buffer.lines.join(''));
  buffer.lines = [];
  while (rest.length > 0) {
    const { bytesWritten } = await write(buffer.file, rest);
    rest = rest.subarray(bytesWritten);
  }
}
