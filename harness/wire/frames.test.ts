import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Frames } from './frames.ts';

const TYPES = 'QPBEX';
const WANTED = 'QE';

const stream = fc
  .array(fc.tuple(fc.constantFrom(...TYPES), fc.uint8Array({ maxLength: 40 })), { maxLength: 12 })
  .map((messages) => messages.map(([type, body]) => ({ type, body: Buffer.from(body) })));

function bytesOf({ type, body }: { readonly type: string; readonly body: Buffer }): Buffer {
  const header = Buffer.alloc(5);
  header.write(type);
  header.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
}

/** The same bytes in other pieces. */
function torn(bytes: Buffer, at: readonly number[]): Buffer[] {
  const cuts = [...new Set(at.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i]));
}

test('however a stream is torn, it passes whole, and every wanted message in it is found where it is', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(400), { maxLength: 10 }), (messages, at) => {
      const frames = new Frames(WANTED);
      const all = Buffer.concat(messages.map(bytesOf));
      const cuts = torn(all, at).map((chunk) => frames.push(chunk));
      expect(Buffer.concat(cuts.map(({ bytes }) => bytes))).toEqual(all);
      const found = cuts.flatMap(({ bytes, messages: inside }) =>
        inside.map(({ type, start, body }) => {
          expect(bytes.subarray(start, start + 5 + body.length)).toEqual(bytesOf({ type, body }));
          return { type, body };
        }),
      );
      expect(found).toEqual(messages.filter(({ type }) => WANTED.includes(type)));
    }),
  );
});

test('a wanted message is not passed on before it is whole; another one is', () => {
  const query = bytesOf({ type: 'Q', body: Buffer.from('COMMIT\0') });
  const other = bytesOf({ type: 'd', body: Buffer.alloc(100) });
  const frames = new Frames('Q');
  expect(frames.push(query.subarray(0, 9)).bytes).toHaveLength(0);
  expect(frames.push(query.subarray(9))).toMatchObject({ bytes: query, messages: [{ type: 'Q', start: 0 }] });
  expect(frames.push(other.subarray(0, 50)).bytes).toHaveLength(50);
});

test('a length that no message can have is an error', () => {
  expect(() => new Frames('Q').push(Buffer.from('GET / HTTP/1.1\r\n'))).not.toThrow();
  expect(() => new Frames('Q').push(Buffer.from([0x51, 0, 0, 0, 3]))).toThrow(/length 3/);
});

test('any bytes pass as they came, or are refused in a sentence', () => {
  let refused = 0;
  const messages = stream.map((all) => Buffer.concat(all.map(bytesOf)));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((some) => Buffer.from(some)),
    // A stream with one byte of it changed, of which the lengths are what matters.
    fc.tuple(messages, fc.nat(), fc.nat(255)).map(([all, at, byte]) => {
      if (all.length > 0) all[at % all.length] = byte;
      return all;
    }),
  );
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(400), { maxLength: 4 }), (all, at) => {
      const frames = new Frames(WANTED);
      const passed: Buffer[] = [];
      try {
        for (const chunk of torn(all, at)) passed.push(frames.push(chunk).bytes);
      } catch (error) {
        refused++;
        expect(error).toHaveProperty('message', expect.stringMatching(/^a message of length -?\d+ is not of /));
      }
      const together = Buffer.concat(passed);
      expect(together).toEqual(all.subarray(0, together.length));
    }),
    { numRuns: 10_000 },
  );
  expect(refused).toBeGreaterThan(100);
});
