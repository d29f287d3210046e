import { expect, test } from 'vitest';

import type { Drift, SoakWindow } from '../model/soak.ts';
import { literalWindow } from '../testing/literal-window.ts';
import { driftOf, warmUp } from './drift.ts';

/** Without a pattern, and the same each time. */
const NOISE = [3, -1, 4, 1, -5, 9, -2, 6, -5, 3, 5, -8, 9, -7, 9, 3, -2, 3, 8, -4];

function soak(readings: (i: number) => Record<string, number>, amount = 20): SoakWindow[] {
  return Array.from({ length: amount }, (_, i) => literalWindow(i + 1, { readings: readings(i) }));
}

function drift(windows: readonly SoakWindow[], metric: string): Drift {
  const found = driftOf(windows).find((one) => one.metric === metric);
  if (!found) throw new Error(`no drift of ${metric}`);
  return found;
}

test('a leak under noise is detected, with its size per hour; noise alone is not', () => {
  const windows = soak((i) => ({ leaking: 1000 + 2 * i + (NOISE[i] ?? 0), steady: 1000 + (NOISE[i] ?? 0) }));
  const leak = drift(windows, 'leaking');
  expect(leak.trend).toBe('rises');
  expect(leak.p_value).toBeLessThan(0.001);
  // Windows begin ten minutes apart: 2 a window are 12 an hour.
  expect(leak.per_hour).toBeGreaterThan(9);
  expect(leak.per_hour).toBeLessThan(15);
  expect(drift(windows, 'steady').trend).toBe('none seen');
});

test('the warm-up of a session is not drift', () => {
  expect([warmUp(1), warmUp(10), warmUp(48)]).toEqual([1, 1, 5]);
  const windows = soak((i) => ({ heap: i < 2 ? 10 * i : 1000 + (NOISE[i] ?? 0) }));
  expect(drift(windows, 'heap')).toMatchObject({ windows: 18, trend: 'none seen' });
});

test('a restart is not drift; a drift in each session is', () => {
  const of = (value: (place: number, session: number) => number) =>
    soak(() => ({}), 20).map((window, i) => {
      const session = i < 10 ? 1 : 2;
      return { ...window, session, readings: { value: value(i % 10, session) } };
    });
  const step = of((place, session) => 1000 * session + (NOISE[place] ?? 0));
  expect(drift(step, 'value').trend).toBe('none seen');
  const falling = of((place, session) => 1000 * session - 20 * place + (NOISE[place] ?? 0));
  expect(drift(falling, 'value')).toMatchObject({ windows: 18, trend: 'falls' });
});

test('too few windows are reported as such; broken-off ones are not read', () => {
  const few = soak((i) => ({ value: i }), 4);
  expect(drift(few, 'value')).toMatchObject({ windows: 3, trend: 'too few windows', p_value: null });
  const cut = [...few, literalWindow(5, { ended: 'broken-off', readings: { value: 99 } })];
  expect(drift(cut, 'value').windows).toBe(3);
});
