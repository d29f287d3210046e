import fc from 'fast-check';
import { expect, test } from 'vitest';

import { bent } from '../testing/bent.ts';
import { LineSplitter, parseMessage } from './protocol.ts';

const UUID = '019aa000-0000-7000-8000-000000000001';
const TI = { id: UUID, dag_id: 'd', task_id: 't', run_id: 'r', try_number: 1, map_index: -1 };
const MESSAGES = [
  { type: 'hello', protocol: 3, process: 's', pid: 1, instance: '0'.repeat(32), token: 'x' },
  { type: 'workload', seq: 1, workload: { token: 'x', ti: TI } },
  { type: 'ended_ack', seq: 1 },
  { type: 'adopt', seq: 1, keys: [['d', 't', 'r', 1, -1]] },
  { type: 'revoke', seq: 1, key: ['d', 't', 'r', 1, -1] },
];

test('messages as they should be are read', () => {
  for (const message of MESSAGES) expect(parseMessage(JSON.stringify(message))).toMatchObject({ type: message.type });
});

test('any line is a message or an Error that quotes nothing secret of it', () => {
  let refused = 0;
  const lines = fc.oneof(
    bent(MESSAGES).map((message) => JSON.stringify(message)),
    fc.json(),
    fc.string({ unit: 'binary' }),
  );
  fc.assert(
    fc.property(lines, (line) => {
      try {
        const message = parseMessage(line);
        if (message.type === 'workload') expect(message.workload.ti.id).toMatch(/^[0-9a-f-]{36}$/i);
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(Error);
        expect((error as Error).constructor).toBe(Error);
        expect((error as Error).message.length).toBeLessThan(200);
      }
    }),
    { numRuns: 10_000 },
  );
  expect(refused).toBeGreaterThan(5_000);
});

test('lines are the same however their bytes arrive', () => {
  const text = fc.array(
    fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll('\n', ' ')),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(text, fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 8 }), (lines, sizes) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const splitter = new LineSplitter(10_000);
      const found: string[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const next = at + 1 + (sizes[n % sizes.length] ?? 0);
        found.push(...splitter.push(bytes.subarray(at, next)));
        at = next;
      }
      expect(found).toEqual(lines.filter((line) => line.trim() !== ''));
      expect(splitter.waiting).toBe(0);
    }),
  );
});
