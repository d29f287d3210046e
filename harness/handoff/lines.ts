import { StringDecoder } from 'node:string_decoder';

/** Cuts a byte stream into lines: chunks may end anywhere, even inside a character. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #limit: number;
  #rest = '';

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that this chunk completes. Throws when a line outgrows the limit: the stream is of no use after that. */
  push(chunk: Buffer): string[] {
    const pieces = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = pieces.pop() ?? '';
    if (this.#rest.length > this.#limit || pieces.some((piece) => piece.length > this.#limit)) {
      this.#rest = '';
      throw new Error(`a line is longer than ${this.#limit} characters`);
    }
    return pieces.filter((piece) => piece.trim() !== '');
  }
}
