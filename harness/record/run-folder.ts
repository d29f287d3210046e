import { closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';

import { messageOf, StackError, UsageError } from '../model/errors.ts';
import type { Manifest } from '../model/manifest.ts';
import type { TableName } from '../model/tables.ts';

/** How long an acknowledged row may wait in memory: what a `kill -9` of the harness can cost. */
const FLUSH_MS = 100;

/**
 * The run folder while the run lasts: one append-only file of JSON lines per table. A write that reached the kernel
 * survives the harness; only a power cut could take it.
 */
export class RunFolder {
  readonly path: string;
  readonly #tables = new Map<string, { readonly file: number; lines: string[] }>();
  readonly #timer: NodeJS.Timeout;
  readonly #failure = new AbortController();
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
    this.#timer = setInterval(() => this.flush(), FLUSH_MS);
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
    let buffer = this.#tables.get(table);
    if (!buffer) {
      buffer = { file: openSync(path.join(this.path, 'raw', `${table}.ndjson`), 'a'), lines: [] };
      this.#tables.set(table, buffer);
    }
    buffer.lines.push(JSON.stringify(row));
  }

  flush(): void {
    for (const buffer of this.#tables.values()) {
      if (buffer.lines.length === 0) continue;
      const text = `${buffer.lines.join('\n')}\n`;
      buffer.lines = [];
      try {
        writeSync(buffer.file, text);
      } catch (error) {
        if (!this.#failure.signal.aborted) {
          this.#failure.abort(new StackError(`The record cannot be written to ${this.path}: ${messageOf(error)}.`));
        }
      }
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

  writeManifest(manifest: Manifest): void {
    const file = path.join(this.path, 'manifest.json');
    writeFileSync(`${file}.next`, `${JSON.stringify(manifest, null, 2)}\n`);
    renameSync(`${file}.next`, file);
    this.#manifest = manifest;
  }

  updateManifest(change: Partial<Manifest>): void {
    this.writeManifest({ ...this.manifest, ...change });
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
    for (const { file } of this.#tables.values()) closeSync(file);
    this.#tables.clear();
  }
}
