import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

import { reasonOf } from '../model/errors.ts';

const CHUNK_BYTES = 1 << 20;
const EVERY_MS = 200;
/** What a line has beyond this is left out. */
const LINE_BYTES = 1 << 20;

export interface TailListener {
  onLine(line: string): void;
  /** Once, at the first line of which something was left out because it is too long. */
  onCut?(): void;
  /** The file cannot be read, for this reason: nothing more is read of it. */
  onUnreadable?(reason: string): void;
}

/**
 * Follows a growing file, from its start or from its present end, and passes on each whole line. The file may appear
 * later, and it may be rotated: renamed (then the rest of it is read before the new file is begun) or truncated (then
 * it is read from its start again). What is written between the last reading and a truncation is lost. A file that is
 * truncated and, 200 ms later, longer than before is not noticed.
 */
export class Tail {
  readonly #file: string;
  readonly #listener: TailListener;
  readonly #timer: NodeJS.Timeout;
  readonly #buffer = Buffer.alloc(CHUNK_BYTES);
  #descriptor: number | undefined;
  #offset = 0;
  /** Pieces of a line that has no end yet, at most LINE_BYTES together. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #wasCut = false;
  #unreadable = false;

  constructor(file: string, from: 'start' | 'end', listener: TailListener) {
    this.#file = file;
    this.#listener = listener;
    this.#timer = setInterval(() => this.read(), EVERY_MS);
    this.#timer.unref();
    // Opened now: of a file that is renamed before the first reading the rest is read, too.
    this.#try(() => {
      if (from === 'end' && this.#open()) this.#offset = Number(this.#stat().size);
    });
  }

  /** What is there and was not read yet. Throws what the listener throws, and nothing else. */
  read(): void {
    this.#try(() => this.#follow());
  }

  close(): void {
    clearInterval(this.#timer);
    try {
      this.#try(() => {
        this.#follow();
        this.#passRest();
      });
    } finally {
      this.#close();
    }
  }

  #try(action: () => void): void {
    if (this.#unreadable) return;
    try {
      action();
    } catch (error) {
      if (error instanceof ListenerError) throw error.cause;
      this.#unreadable = true;
      this.#close();
      this.#listener.onUnreadable?.(reasonOf(error));
    }
  }

  #follow(): void {
    if (!this.#open()) return;
    this.#readRest();
    if (!this.#wasReplaced()) return;
    // What was written before it was replaced, after the reading above.
    this.#readRest();
    this.#passRest();
    this.#close();
    if (this.#open()) this.#readRest();
  }

  /** False if it is not there yet. */
  #open(): boolean {
    try {
      this.#descriptor ??= openSync(this.#file, 'r');
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  #close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    this.#offset = 0;
    if (descriptor !== undefined) closeSync(descriptor);
  }

  #stat(): BigIntStats {
    return fstatSync(this.#descriptor ?? -1, { bigint: true });
  }

  /** Another file has its name, with something in it: until then the process that writes may use the old one. */
  #wasReplaced(): boolean {
    const now = statSync(this.#file, { bigint: true, throwIfNoEntry: false });
    if (now === undefined || now.size === 0n) return false;
    const open = this.#stat();
    return now.ino !== open.ino || now.dev !== open.dev;
  }

  #readRest(): void {
    const descriptor = this.#descriptor ?? -1;
    // At most what is there now: a file that grows faster than it is read must not hold the event loop.
    const size = Number(this.#stat().size);
    if (size < this.#offset) {
      this.#passRest();
      this.#offset = 0;
    }
    for (let left = size - this.#offset; left > 0; ) {
      const got = readSync(descriptor, this.#buffer, 0, Math.min(left, CHUNK_BYTES), this.#offset);
      if (got === 0) return;
      this.#offset += got;
      left -= got;
      this.#split(this.#buffer.subarray(0, got));
    }
  }

  #split(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, end));
      this.#passRest();
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(Buffer.from(chunk.subarray(from)));
  }

  #keep(piece: Buffer): void {
    const kept = piece.subarray(0, LINE_BYTES - this.#restBytes);
    if (kept.length < piece.length && !this.#wasCut) {
      this.#wasCut = true;
      this.#listener.onCut?.();
    }
    if (kept.length === 0) return;
    this.#rest.push(kept);
    this.#restBytes += kept.length;
  }

  #passRest(): void {
    const [first] = this.#rest;
    if (first === undefined) return;
    const line = this.#rest.length === 1 ? first : Buffer.concat(this.#rest);
    this.#rest = [];
    this.#restBytes = 0;
    try {
      this.#listener.onLine(line.toString('utf8'));
    } catch (error) {
      throw new ListenerError('', { cause: error });
    }
  }
}

/** It is not the file that cannot be read. */
class ListenerError extends Error {}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** The last bytes of a file as text; their first line may be the end of one. */
export function endOfFile(file: string, bytes: number): string {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const buffer = Buffer.alloc(Math.min(size, bytes));
    const got = readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8', 0, got);
  } finally {
    closeSync(descriptor);
  }
}
