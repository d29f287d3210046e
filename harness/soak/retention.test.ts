import { expect, test } from 'vitest';

import type { SoakWindow } from '../model/soak.ts';
import { literalWindow } from '../testing/literal-window.ts';
import { toReduce } from './retention.ts';

const ROOM = { windows: 2, bytes: 1e9 };
const broken = (number: number, invariant = 'no-deadlocks') =>
  literalWindow(number, { judged: { verdict: 'fail', broken: { [invariant]: 1 } } });

/** `p` passed, `f` failed, `?` not judged yet: windows 1, 2, 3 … */
function windows(story: string): SoakWindow[] {
  return [...story].map((letter, i) => {
    if (letter === 'f') return broken(i + 1);
    return literalWindow(i + 1, letter === '?' ? { judged: null, ended: null } : {});
  });
}

test('the newest windows keep their tables, older ones without a violation are reduced', () => {
  expect(toReduce(windows('ppppp'), ROOM)).toEqual([0, 1]);
  expect(toReduce(windows('ppp'), ROOM)).toEqual([]);
});

test('a window with a violation stays, and so do the windows before and after it', () => {
  expect(toReduce(windows('pppfpppppp'), { windows: 0, bytes: 1e9 })).toEqual([0, 1, 5, 6, 7, 8]);
});

test('a window is not reduced before the next one is judged', () => {
  expect(toReduce(windows('ppp?'), { windows: 0, bytes: 1e9 })).toEqual([0, 1]);
});

test('a reduced window is not reduced again', () => {
  const [first, ...rest] = windows('ppppp').map((one, i) => (i === 0 ? { ...one, whole: false, bytes: 1 } : one));
  expect(toReduce(first ? [first, ...rest] : rest, ROOM)).toEqual([1]);
});

test('a full disk: passed windows are reduced first, then neighbours, then repeated violations', () => {
  const story = windows('pfffp?');
  const room = (bytes: number) => toReduce(story, { windows: 5, bytes });
  expect(room(600)).toEqual([]);
  // The neighbour after is the last one judged; the window under way is never touched.
  expect(room(500)).toEqual([0]);
  expect(room(400)).toEqual([0, 4]);
  expect(room(300)).toEqual([0, 2, 4]);
  expect(room(100)).toEqual([0, 1, 2, 3, 4]);
});

test('the first and the latest violation of each invariant stay longest', () => {
  const story = [broken(1), broken(2, 'error-contract'), broken(3), broken(4), broken(5), literalWindow(6)];
  expect(toReduce(story, { windows: 0, bytes: 400 })).toEqual([2, 3]);
});
