import {
  closeSync,
  close as closeWithCallback,
  openSync,
  open as openWithCallback,
  write as writeWithCallback,
} from 'node:fs';
import { promisify } from 'node:util';

import { linesFile } from './files.ts';

const open = promisify(openWithCallback);
const write = promisify(writeWithCallback);
const close = promisify(closeWithCallback);

/** Lines that are made one piece of text for one write. */
const LINES_AT_ONCE = 10_000;

/** One table of a run that goes on: lines of JSON, appended to a file, and to the next one where that has grown enough. */
export class TableLines {
  readonly #runFolder: string;
  readonly #table: string;
  #segment = 1;
  #file: number;
  #bytes = 0;
  #lines: string[] = [];
  #characters = 0;

  constructor(runFolder: string, table: string) {
    this.#runFolder = runFolder;
    this.#table = table;
    this.#file = openSync(linesFile(runFolder, table), 'a');
  }

  /** Characters that wait to be written. */
  get waiting(): number {
    return this.#characters;
  }

  push(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length + 1;
  }

  /** Never two at a time, or lines would be torn. */
  async write(): Promise<void> {
    const lines = this.#lines;
    this.#lines = [];
    this.#characters = 0;
    for (let from = 0; from < lines.length; from += LINES_AT_ONCE) {
      let rest = Buffer.from(`${lines.slice(from, from + LINES_AT_ONCE).join('\n')}\n`);
      this.#bytes += rest.length;
      while (rest.length > 0) {
        const { bytesWritten } = await write(this.#file, rest);
        rest = rest.subarray(bytesWritten);
      }
    }
  }

  /** Goes on in a new file if this one is as long; returns the number of the one that is complete now. */
  async turn(segmentBytes: number): Promise<number | undefined> {
    if (this.#bytes < segmentBytes) return undefined;
    const full = this.#segment;
    const before = this.#file;
    this.#file = await open(linesFile(this.#runFolder, this.#table, full + 1), 'a');
    this.#segment = full + 1;
    this.#bytes = 0;
    await close(before);
    return full;
  }

  close(): void {
    closeSync(this.#file);
  }
}
