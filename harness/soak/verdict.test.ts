import { expect, test } from 'vitest';

import type { Soak, SoakWindow } from '../model/soak.ts';
import { literalWindow } from '../testing/literal-window.ts';
import { neverTested, verdictOf } from './verdict.ts';

const told = (windows: readonly SoakWindow[], state: Soak['state'] = 'completed', windows_planned = windows.length) =>
  verdictOf({ windows, windows_planned, state });
const many = (amount: number) => Array.from({ length: amount }, (_, i) => literalWindow(i + 1));
const doubtful = (number: number) =>
  literalWindow(number, { judged: { verdict: 'unknown', doubts: ['fleet-kept-pace: late'] } });
const failing = (number: number) => literalWindow(number, { judged: { verdict: 'fail', broken: { x: 1 } } });

test('one broken promise in one window is a broken promise, also in an attempt that was broken off', () => {
  expect(told([...many(20), failing(21)])).toBe('fail');
  expect(told([{ ...failing(1), ended: 'broken-off' }, literalWindow(1, { attempt: 2 })], 'completed', 1)).toBe('fail');
});

test('an attempt that was broken off and played again does not change the verdict', () => {
  const cut = literalWindow(2, {
    ended: 'broken-off',
    judged: { verdict: 'unknown', doubts: ['run-completed: killed'] },
  });
  const windows = [literalWindow(1), cut, literalWindow(2, { attempt: 2, session: 2 }), literalWindow(3)];
  expect(told(windows, 'completed', 3)).toBe('pass');
});

test('a tenth of the windows may be in doubt, more may not', () => {
  expect(told([...many(9), doubtful(10)])).toBe('pass');
  expect(told([...many(8), doubtful(9), doubtful(10)])).toBe('unknown');
  expect(told([])).toBe('unknown');
});

test('a soak that ended before its time cannot pass, one that is still running is told by what it has', () => {
  expect(told(many(3), 'interrupted', 10)).toBe('unknown');
  expect(told(many(3), 'running', 10)).toBe('pass');
});

test('a promise must have been put to the test in one window that can be believed, not in each', () => {
  const gentle = literalWindow(1, { judged: { verdict: 'unknown', kept: [], untested: ['no-deadlocks'] } });
  expect(told([gentle, literalWindow(2)])).toBe('pass');
  expect(told([gentle])).toBe('unknown');
  expect(neverTested([gentle])).toEqual(['no-deadlocks']);
  expect(neverTested([gentle, literalWindow(2)])).toEqual([]);
});
