import { BufferReader } from 'pg-protocol/dist/buffer-reader.js';

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
