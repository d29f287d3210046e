import { expect, test } from 'vitest';
import type { Scenario } from '../model/scenario.ts';
import { SCENARIOS } from '../run/catalogue.ts';
import { settleMs } from '../run/settle-time.ts';
import { subjectOf } from '../run/subject.ts';
import { anyWires, keepOf, stopReason, stopsOf, windowPlan, withStops } from './plan.ts';

function shipped(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (!found) throw new Error(`no scenario ${name}`);
  return found;
}

const subject = subjectOf({ build: 'reference' });
const calm = shipped('seeds');
const chaotic: Scenario = { ...calm, duration_s: 600, chaos: { faults: 'all', pause_ms: [3_000, 8_000] } };

test('a window always has the same seed and faults, different from the next window', () => {
  const plan = { seed: 7, scenario: chaotic };
  const second = windowPlan(plan, 2, subject);
  expect(windowPlan(plan, 2, subject)).toEqual(second);
  expect(second.faults?.length).toBeGreaterThan(10);
  expect(windowPlan(plan, 3, subject).seed).not.toBe(second.seed);
  expect(windowPlan(plan, 3, subject).faults).not.toEqual(second.faults);
  expect(windowPlan({ seed: 7, scenario: calm }, 2, subject).faults).toEqual([]);
});

test('the stack is made for the faults of all windows', () => {
  expect(anyWires({ seed: 7, scenario: chaotic }, 5, subject)).toBe(true);
  expect(anyWires({ seed: 7, scenario: calm }, 5, subject)).toBe(false);
});

test('lives may end after the load, within a limit', () => {
  expect(settleMs(calm)).toBe(20_000);
  const dags = calm.dags.map((dag) => ({
    ...dag,
    tasks: dag.tasks.map((task) => ({ ...task, duration_ms: [1, 9e6] as const })),
  }));
  expect(settleMs({ ...calm, dags })).toBe(30_000);
});

test('only a violated threshold with abortOnFail ends a soak', () => {
  const thresholds = { deadlocks: ['count<1'], http_409: [{ threshold: 'count<5', abortOnFail: true }] };
  const scenario = withStops(
    { ...calm, thresholds },
    stopsOf(['http_req_duration{operation:heartbeat}: p(95)<200']).stops,
  );
  const result = (metric: string, expression: string, verdict: 'pass' | 'fail') => ({
    metric,
    expression,
    verdict,
    value: 9,
  });
  expect(stopReason(scenario, [result('deadlocks', 'count<1', 'fail')])).toBeUndefined();
  expect(stopReason(scenario, [result('http_409', 'count<5', 'pass')])).toBeUndefined();
  expect(stopReason(scenario, [result('http_409', 'count<5', 'fail')])).toBe(
    'http_409: count<5 does not hold (it was 9)',
  );
  const heartbeat = 'http_req_duration{operation:heartbeat}';
  expect(stopReason(scenario, [result(heartbeat, 'p(95)<200', 'fail')])).toMatch(/heartbeat\}: p\(95\)<200/);
});

test('the disk limit has a unit', () => {
  expect(keepOf(3, '5GB')).toEqual({ windows: 3, bytes: 5e9 });
  expect(keepOf(0, '500 mb')).toEqual({ windows: 0, bytes: 5e8 });
  expect(() => keepOf(1, '12')).toThrow(/--disk must be like/);
});
