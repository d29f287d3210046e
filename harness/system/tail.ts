import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

const CHUNK_BYTES = 1 << 20;
const EVERY_MS = 200;

/**
 * Follows a growing file, from its start or from its present end, and passes on each whole line. The file may appear
 * later.
 */
export class Tail {
  readonly #file: string;
  readonly #onLine: (line: string) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #buffer = Buffer.alloc(CHUNK_BYTES);
  #descriptor: number | undefined;
  #offset = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: string, from: 'start' | 'end', onLine: (line: string) => void) {
    this.#file = file;
    if (from === 'end') this.#offset = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    this.#onLine = onLine;
    this.#timer = setInterval(() => this.read(), EVERY_MS);
    this.#timer.unref();
  }

  read(): void {
    try {
      this.#descriptor ??= openSync(this.#file, 'r');
    } catch {
      return; // Not there yet.
    }
    // At most what is there now: a file that grows faster than it is read must not hold the event loop.
    for (let left = fstatSync(this.#descriptor).size - this.#offset; left > 0; ) {
      const got = readSync(this.#descriptor, this.#buffer, 0, Math.min(left, CHUNK_BYTES), this.#offset);
      if (got === 0) return;
      this.#offset += got;
      left -= got;
      this.#split(this.#buffer.subarray(0, got));
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.read();
    if (this.#rest.length > 0) this.#onLine(this.#rest.toString('utf8'));
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #split(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([this.#rest, chunk.subarray(from, end)]).toString('utf8');
      this.#rest = Buffer.alloc(0);
      from = end + 1;
      if (line !== '') this.#onLine(line);
    }
    if (from < chunk.length) this.#rest = Buffer.concat([this.#rest, chunk.subarray(from)]);
  }
}
