import type { ArrivalRate, Timing } from './arrival-rate.ts';
import { durationMs } from './duration.ts';

/**
 * What has been due for longer than this was missed: the harness was stopped, or got no processor. It is left out, so
 * that load stays what it was, and a run with such a pause does not pass (the assumption fleet-kept-pace).
 */
export const MISSED_MS = 1_000;

/** Of what is due every so often: what comes after `dueMs`, without what has been missed since. */
export function nextDue(dueMs: number, everyMs: number, nowMs: number): number {
  return dueMs + everyMs * Math.max(1, Math.floor((nowMs - dueMs) / everyMs));
}

/** Milliseconds after the load began, in order; without end where nothing ends them. */
export function* arrivalTimes(timing: Timing): Generator<number> {
  if ('every_ms' in timing) {
    for (let n = 0; ; n++) yield timing.start_after_ms + n * timing.every_ms;
  }
  const { arrivals } = timing;
  const startMs = given(arrivals.startTime ?? '0s');
  const unitMs = given(arrivals.timeUnit ?? '1s');
  if (arrivals.executor === 'constant-arrival-rate') {
    const lastsMs = arrivals.duration === undefined ? Number.POSITIVE_INFINITY : given(arrivals.duration);
    for (let n = 0; n < (lastsMs * arrivals.rate) / unitMs; n++) yield startMs + (n * unitMs) / arrivals.rate;
    return;
  }
  yield* ramp(startMs, unitMs, arrivals.startRate ?? 0, arrivals.stages);
}

/**
 * The rate goes evenly from one stage's target to the next, so what has arrived by t of a stage is its integral,
 * `from·t + (to − from)·t² / 2·duration`: each arrival is where that reaches the next whole number.
 */
function* ramp(
  startMs: number,
  unitMs: number,
  startRate: number,
  stages: Extract<ArrivalRate, { executor: 'ramping-arrival-rate' }>['stages'],
): Generator<number> {
  let [beganMs, from, before, next] = [startMs, startRate / unitMs, 0, 1];
  for (const { duration, target } of stages) {
    const [lastsMs, to] = [given(duration), target / unitMs];
    const inAll = before + ((from + to) / 2) * lastsMs;
    for (; next <= inAll + 1e-9; next++) {
      const missing = next - before;
      // The root that also holds where the rate does not change.
      const root = Math.sqrt(Math.max(0, from ** 2 + (2 * (to - from) * missing) / lastsMs));
      yield beganMs + Math.min(lastsMs, (2 * missing) / (from + root));
    }
    [beganMs, from, before] = [beganMs + lastsMs, to, inAll];
  }
}

/** Whether it is one has been looked at when the scenario was read. */
function given(duration: string): number {
  const ms = durationMs(duration);
  if (ms === undefined) throw new Error(`${duration} is not a duration`);
  return ms;
}
