import { expect, test } from 'vitest';

import type { Soak, SoakWindow } from '../model/soak.ts';
import { literalWindow } from '../testing/literal-window.ts';
import { neverTested, verdictOf } from './verdict.ts';

const verdict = (
  windows: readonly SoakWindow[],
  state: Soak['state'] = 'completed',
  windows_planned = windows.length,
) => verdictOf({ windows, windows_planned, state });
const many = (amount: number) => Array.from({ length: amount }, (_, i) => literalWindow(i + 1));
const doubtful = (number: number) =>
  literalWindow(number, { judged: { verdict: 'unknown', doubts: ['fleet-kept-pace: late'] } });
const failing = (number: number) => literalWindow(number, { judged: { verdict: 'fail', broken: { x: 1 } } });

test('one violation in one window fails the soak, even in an attempt that was broken off', () => {
  expect(verdict([...many(20), failing(21)])).toBe('fail');
  expect(verdict([{ ...failing(1), ended: 'broken-off' }, literalWindow(1, { attempt: 2 })], 'completed', 1)).toBe(
    'fail',
  );
});

test('an attempt that was broken off and repeated does not change the verdict', () => {
  const cut = literalWindow(2, {
    ended: 'broken-off',
    judged: { verdict: 'unknown', doubts: ['run-completed: killed'] },
  });
  const windows = [literalWindow(1), cut, literalWindow(2, { attempt: 2, session: 2 }), literalWindow(3)];
  expect(verdict(windows, 'completed', 3)).toBe('pass');
});

test('a tenth of the windows may be in doubt, more may not', () => {
  expect(verdict([...many(9), doubtful(10)])).toBe('pass');
  expect(verdict([...many(8), doubtful(9), doubtful(10)])).toBe('unknown');
  expect(verdict([])).toBe('unknown');
});

test('a soak that ended early cannot pass; a running one is judged by its windows so far', () => {
  expect(verdict(many(3), 'interrupted', 10)).toBe('unknown');
  expect(verdict(many(3), 'running', 10)).toBe('pass');
});

test('an invariant must have been exercised in one window without doubt, not in each', () => {
  const unexercised = literalWindow(1, { judged: { verdict: 'unknown', kept: [], untested: ['no-deadlocks'] } });
  expect(verdict([unexercised, literalWindow(2)])).toBe('pass');
  expect(verdict([unexercised])).toBe('unknown');
  expect(neverTested([unexercised])).toEqual(['no-deadlocks']);
  expect(neverTested([unexercised, literalWindow(2)])).toEqual([]);
});
