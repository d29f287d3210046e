import { expect, test } from 'vitest';
import type { Timing } from './arrival-rate.ts';
import { arrivalTimes, nextDue } from './arrivals.ts';
import { durationMs } from './duration.ts';

function first(count: number, timing: Timing): number[] {
  const times: number[] = [];
  for (const time of arrivalTimes(timing)) {
    if (times.length === count) break;
    times.push(Math.round(time));
  }
  return times;
}

test('durations are k6’s', () => {
  expect(['500ms', '30s', '1m30s', '1.5h'].map(durationMs)).toEqual([500, 30_000, 90_000, 5_400_000]);
  expect(['', '30', 's', '1m 30s', '-1s'].map(durationMs)).toEqual(Array(5).fill(undefined));
});

test('an interval repeats without end', () => {
  expect(first(3, { every_ms: 200, start_after_ms: 50 })).toEqual([50, 250, 450]);
});

test('a constant rate is so many a unit, for its duration or without end', () => {
  const arrivals = { executor: 'constant-arrival-rate', rate: 4, timeUnit: '1m', startTime: '10s' } as const;
  expect(first(3, { arrivals })).toEqual([10_000, 25_000, 40_000]);
  expect(first(99, { arrivals: { ...arrivals, duration: '1m' } })).toEqual([10_000, 25_000, 40_000, 55_000]);
});

test('a ramp holds as many arrivals as the area under it, closer together as it rises', () => {
  const stages = [
    { duration: '10s', target: 10 },
    { duration: '5s', target: 10 },
    { duration: '10s', target: 0 },
  ];
  const times = first(999, { arrivals: { executor: 'ramping-arrival-rate', stages } });
  // 50 on the way up, 50 on the plateau, 50 on the way down.
  expect(times.length).toBe(150);
  expect(times[0]).toBe(Math.round(Math.sqrt(2) * 1_000));
  expect(times[49]).toBe(10_000);
  expect(times.slice(50, 53)).toEqual([10_100, 10_200, 10_300]);
  expect(times[99]).toBe(15_000);
  expect(times[149]).toBe(25_000);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

test('a rate of zero brings nothing, and the next stage begins after it', () => {
  const stages = [
    { duration: '10s', target: 0 },
    { duration: '0s', target: 2 },
    { duration: '1s', target: 2 },
  ];
  expect(first(9, { arrivals: { executor: 'ramping-arrival-rate', stages } })).toEqual([10_500, 11_000]);
});

test('what was missed while the harness was stopped is not made up for', () => {
  expect(nextDue(1_000, 500, 1_480)).toBe(1_500);
  expect(nextDue(1_000, 500, 1_501)).toBe(1_500);
  expect(nextDue(1_000, 500, 21_250)).toBe(21_000);
});
