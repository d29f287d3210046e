import { BufferReader } from 'pg-protocol/dist/buffer-reader.js';

/** Type byte and length, which counts itself but not the type. */
const HEADER = 5;
const NOTHING: Cut = { bytes: Buffer.alloc(0), messages: [] };

export interface Message {
  /** One ASCII letter. */
  readonly type: string;
  /** Where in `bytes` it begins. */
  readonly start: number;
  /** What comes after the header. */
  readonly body: Buffer;
}

export interface Cut {
  /** What may be passed on; it never ends inside a message of a wanted type. */
  readonly bytes: Buffer;
  /** The messages of the wanted types in it, all whole. */
  readonly messages: readonly Message[];
}

/**
 * Finds the messages of some types in a stream of PostgreSQL's protocol (version 3, after the start-up). Of the rest
 * only the headers are read, and they are passed on unchanged, in any pieces: most of a stream is rows.
 */
export class Frames {
  readonly #wanted = new Uint8Array(256);
  /** Bytes still to come of a message of another type. */
  #skip = 0;
  #kept: Buffer[] = [];
  #keptLength = 0;
  /** How many bytes must have come before the next message may be whole. */
  #needed = 0;

  constructor(types: string) {
    this.want(types);
  }

  /** From the next message on. */
  want(types: string): void {
    for (const type of types) this.#wanted[type.charCodeAt(0)] = 1;
  }

  /** Throws for what cannot be this protocol. */
  push(chunk: Buffer): Cut {
    const bytes = this.#withKept(chunk);
    if (!bytes) return NOTHING;
    const messages: Message[] = [];
    let at = this.#skip;
    let needed = HEADER;
    while (at + HEADER <= bytes.length) {
      const length = bytes.readInt32BE(at + 1);
      if (length < 4) throw new Error(`a message of length ${length} is not of PostgreSQL's protocol`);
      const code = bytes[at] ?? 0;
      const end = at + 1 + length;
      if (this.#wanted[code]) {
        needed = end - at;
        if (end > bytes.length) break;
        messages.push({ type: String.fromCharCode(code), start: at, body: bytes.subarray(at + HEADER, end) });
        needed = HEADER;
      }
      at = end;
    }
    this.#skip = Math.max(0, at - bytes.length);
    if (at >= bytes.length) return { bytes, messages };
    this.#kept = [bytes.subarray(at)];
    this.#keptLength = bytes.length - at;
    this.#needed = needed;
    return { bytes: bytes.subarray(0, at), messages };
  }

  #withKept(chunk: Buffer): Buffer | undefined {
    if (this.#keptLength === 0) return chunk;
    this.#kept.push(chunk);
    this.#keptLength += chunk.length;
    if (this.#keptLength < this.#needed) return undefined;
    const bytes = Buffer.concat(this.#kept);
    this.#kept = [];
    this.#keptLength = 0;
    return bytes;
  }
}

/** Where in `bytes` the next message begins. */
export function endOf({ start, body }: Message): number {
  return start + HEADER + body.length;
}

/** The strings that a message's body begins with, each ended by a zero byte. */
export function strings(body: Buffer, count: number, offset = 0): string[] {
  const reader = new BufferReader();
  reader.setBuffer(offset, body);
  return Array.from({ length: count }, () => reader.cstring());
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html */
const CANCEL = 80877102;
const SSL = 80877103;
const GSS_ENCRYPTION = 80877104;
/** PostgreSQL's own limit (MAX_STARTUP_PACKET_LENGTH). */
const MAX_LENGTH = 10_000;

/** The first message of a client; `length` is in bytes. */
export type Startup =
  | { readonly kind: 'incomplete' | 'foreign' | 'cancel' }
  | { readonly kind: 'encryption'; readonly length: number }
  | { readonly kind: 'session'; readonly length: number; readonly parameters: ReadonlyMap<string, string> };

/** These messages have no type byte: a length, a code, and for a session pairs of strings up to an empty one. */
export function readStartup(bytes: Buffer): Startup {
  if (bytes.length < 8) return { kind: 'incomplete' };
  const reader = new BufferReader();
  reader.setBuffer(0, bytes);
  const length = reader.int32();
  const code = reader.int32();
  if (length < 8 || length > MAX_LENGTH) return { kind: 'foreign' };
  if (bytes.length < length) return { kind: 'incomplete' };
  if (code === SSL || code === GSS_ENCRYPTION) return { kind: 'encryption', length };
  if (code === CANCEL) return { kind: 'cancel' };
  if (code >> 16 !== 3) return { kind: 'foreign' };
  const parameters = new Map<string, string>();
  // The message's own bytes only: a client may have sent more after it.
  reader.setBuffer(8, bytes.subarray(0, length));
  for (let name = reader.cstring(); name !== ''; name = reader.cstring()) parameters.set(name, reader.cstring());
  return { kind: 'session', length, parameters };
}
