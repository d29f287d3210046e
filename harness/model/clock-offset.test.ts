import { expect, test } from 'vitest';
import { type ClockReading, clockReading, clockStretches } from './clock-offset.ts';
import { Rng } from './rng.ts';

/** A reading a second of a clock that is `offsetOf(atMs)` ahead; of the round trip the way back takes any part. */
function readings(seconds: number, offsetOf: (atMs: number) => number, rng = new Rng(1)): ClockReading[] {
  return Array.from({ length: seconds }, (_, second) => {
    const sentMs = 1_000 * second;
    const roundTripMs = rng.between(1, 40);
    const answeredAtMs = sentMs + rng.next() * roundTripMs;
    return clockReading(sentMs, sentMs + roundTripMs, answeredAtMs + offsetOf(answeredAtMs));
  });
}

test('a clock that agrees is not corrected at all, however slow the readings', () => {
  const [only, ...others] = clockStretches(readings(60, () => 0));
  expect(others).toEqual([]);
  expect(only).toMatchObject({ fromMs: -Infinity, untilMs: Infinity, offsetMs: 0 });
});

test('the best of many readings gives an offset far more exactly than one round trip', () => {
  for (const offsetMs of [500, -500, 2_000, -2_000, 86_400_000]) {
    const [only, ...others] = clockStretches(readings(60, () => offsetMs));
    expect(others).toEqual([]);
    expect(Math.abs((only?.offsetMs ?? 0) - offsetMs)).toBeLessThan(4);
    expect(only?.uncertaintyMs).toBeLessThan(10);
    // The truth is within what is claimed.
    expect(Math.abs((only?.offsetMs ?? 0) - offsetMs)).toBeLessThanOrEqual(only?.uncertaintyMs ?? 0);
  }
});

test('a clock that is set has two stretches, each with its offset', () => {
  const found = clockStretches(readings(60, (atMs) => (atMs < 30_000 ? 500 : -1_500)));
  expect(found).toHaveLength(2);
  expect(found[0]?.untilMs).toBe(found[1]?.fromMs);
  expect(found[0]?.untilMs).toBeGreaterThan(29_000);
  expect(found[0]?.untilMs).toBeLessThan(31_000);
  expect(found[0]?.offsetMs).toBeCloseTo(500, -1);
  expect(found[1]?.offsetMs).toBeCloseTo(-1_500, -1);
});

test('a clock that drifts is followed: no time is wrong by more than half of what is allowed', () => {
  // A tenth of a second a minute, more than any quartz; and a wave that would need hundreds of stretches of 5 ms.
  for (const offsetOf of [(ms: number) => ms / 600, (ms: number) => 40 * Math.sin(ms / 4_000)]) {
    const all = readings(1_000, offsetOf);
    const found = clockStretches(all);
    expect(found.length).toBeLessThanOrEqual(64);
    for (const { atMs } of all) {
      const at = found.findLast(({ fromMs }) => fromMs <= atMs);
      expect(Math.abs((at?.offsetMs ?? 0) - offsetOf(atMs))).toBeLessThan(50);
    }
  }
});

test('no reading, no stretch', () => {
  expect(clockStretches([])).toEqual([]);
});
