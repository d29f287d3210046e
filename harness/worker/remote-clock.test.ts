import { expect, test } from 'vitest';

import { Rng } from '../model/rng.ts';
import { RemoteClock } from './remote-clock.ts';

const STARTED = Date.parse('2026-11-30T00:00:00Z');

/** A worker with a clock that is `offMs` ahead, and the harness, on one true time. */
function aside(offMs: number) {
  const rng = new Rng(1);
  const truth = { ms: 5_000, offMs };
  // Whole milliseconds, as a script in k6 has them.
  const clock = new RemoteClock(() => Math.floor(STARTED + truth.ms + truth.offMs));
  const exchange = (waitMs: number) => {
    const answered = clock.exchange();
    truth.ms += rng.between(1, 30);
    const receivedMs = truth.ms;
    truth.ms += waitMs;
    const answeredMs = truth.ms;
    truth.ms += rng.between(1, 30);
    answered({ receivedMs, answeredMs }, STARTED);
  };
  return { truth, clock, exchange };
}

test.each([0, 500, -2_000, 3_600_000])('the times of a worker with a clock that is %d ms off are the run’s', (off) => {
  const { truth, clock, exchange } = aside(off);
  // A worker waits for a life for seconds: that is no uncertainty.
  for (let n = 0; n < 20; n++) exchange(n % 2 === 0 ? 15_000 : 0);
  const life = clock.asKnown(STARTED);
  expect(Math.abs(life.now() - truth.ms)).toBeLessThan(8);
  expect(life.startedAt.getTime()).toBe(STARTED);
  const best = clock.takeBest();
  expect(Math.abs((best?.offsetMs ?? 0) - off)).toBeLessThan(8);
  expect(best?.roundTripMs).toBeLessThan(40);
  expect(clock.takeBest()).toBeUndefined();
});

test('a clock that is set changes the times of later lives, not those of a life under way', () => {
  const { truth, clock, exchange } = aside(0);
  exchange(0);
  const before = clock.asKnown(STARTED);
  truth.offMs = 2_000;
  exchange(0);
  expect(before.now() - truth.ms).toBeGreaterThan(1_990);
  expect(Math.abs(clock.asKnown(STARTED).now() - truth.ms)).toBeLessThan(40);
});
