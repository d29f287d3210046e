import fc from 'fast-check';
import { expect, test } from 'vitest';

import { inOneOrder, type Ours, type Theirs } from './order.ts';

const request = (op: number, at_ms: number): Ours => ({ at_ms, end: { op, of: 'request' } });
const answer = (op: number, at_ms: number): Ours => ({ at_ms, end: { op, of: 'answer' } });
const commit = (seq: number, at_ms: number, by: Theirs['by'] = null): Theirs => ({ at_ms, seq, by });

test('a commit with a clock that runs ahead still comes before the answer that reports it', () => {
  const [sent, done, answered] = [request(1, 100), commit(1, 190, { op: 1, accepted: true }), answer(1, 110)];
  expect(inOneOrder([sent, answered], [done])).toEqual([sent, done, answered]);
});

test('a commit with a clock that is behind still comes after the request that asked for it', () => {
  const [sent, done, answered] = [request(1, 100), commit(1, 20, { op: 1, accepted: true }), answer(1, 110)];
  expect(inOneOrder([sent, answered], [done])).toEqual([sent, done, answered]);
});

test('a request that was not answered 2xx may commit later than the client gave up', () => {
  const [sent, gaveUp, done] = [request(1, 100), answer(1, 5_100), commit(1, 9_000, { op: 1, accepted: false })];
  expect(inOneOrder([sent, gaveUp], [done])).toEqual([sent, gaveUp, done]);
});

test('commits keep the order of the log even where their times do not', () => {
  const [first, second] = [commit(1, 200.5), commit(2, 200.1)];
  expect(inOneOrder([], [second, first])).toEqual([first, second]);
});

test('where nothing is certain the times decide', () => {
  const [one, two, three] = [request(1, 100), commit(7, 150), request(2, 160)];
  expect(inOneOrder([three, one], [two])).toEqual([one, two, three]);
});

test('nothing is lost, ours stay in our order and theirs in theirs, whatever the clocks say', () => {
  const time = fc.integer({ min: 0, max: 1_000 });
  const cause = fc.option(fc.record({ op: fc.integer({ min: 1, max: 5 }), accepted: fc.boolean() }), { nil: null });
  const asked = fc.uniqueArray(fc.record({ op: fc.integer({ min: 1, max: 5 }), sent: time, took: time }), {
    selector: ({ op }) => op,
  });
  fc.assert(
    fc.property(asked, fc.array(fc.record({ at_ms: time, by: cause })), (requests, commits) => {
      const ours = requests.flatMap(({ op, sent, took }) => [request(op, sent), answer(op, sent + took)]);
      const theirs = commits.map(({ at_ms, by }, seq) => commit(seq, at_ms, by));
      const merged = inOneOrder(ours, theirs);
      expect(merged).toHaveLength(ours.length + theirs.length);
      expect(merged.filter((one): one is Theirs => 'seq' in one).map(({ seq }) => seq)).toEqual(
        theirs.map(({ seq }) => seq),
      );
      const mine = merged.filter((one): one is Ours => 'end' in one).map(({ at_ms }) => at_ms);
      expect(mine).toEqual(mine.toSorted((a, b) => a - b));
    }),
  );
});
