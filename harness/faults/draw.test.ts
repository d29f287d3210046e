import { expect, test } from 'vitest';

import { scenario as mishaps } from '../../workloads/scenarios/mishaps.ts';
import type { PlannedFault } from '../model/scenario.ts';
import { drawFaults } from './draw.ts';
import type { Host } from './fault.ts';
import { FAULTS } from './index.ts';

const processes = ['api-execution-1', 'api-core-1', 'dag-processor', 'triggerer', 'scheduler-1', 'scheduler-2'];
const ours: Host = { ours: true, allowFaults: false, processes, scenario: { ...mishaps, duration_s: 600 } };
const busy = { faults: 'all', pause_ms: [500, 2_000], at_once: 3 } as const;

test('the same seed draws the same windows, another seed others', () => {
  expect(drawFaults(busy, ours, 7)).toEqual(drawFaults(busy, ours, 7));
  expect(drawFaults(busy, ours, 7)).not.toEqual(drawFaults(busy, ours, 8));
});

test('never are two windows open on one victim, nor any beside one of the whole database', () => {
  const windows = [1, 2, 3, 4, 5].flatMap((seed) => pairs(drawFaults(busy, ours, seed)));
  expect(windows.length).toBeGreaterThan(1_000);
  for (const [a, b] of windows) {
    const together = a.at_ms < b.at_ms + b.for_ms && b.at_ms < a.at_ms + a.for_ms;
    if (together) expect([a.victim, 'postgres', b.victim === 'postgres']).not.toContain(b.victim);
  }
});

test('windows open while the load is on, and its end stays quiet', () => {
  const ends = drawFaults(busy, ours, 3).map(({ at_ms, for_ms }) => at_ms + for_ms);
  expect(Math.min(...drawFaults(busy, ours, 3).map(({ at_ms }) => at_ms))).toBeGreaterThanOrEqual(500);
  expect(Math.max(...ends)).toBeLessThanOrEqual(600_000 - 75_000);
});

test('over many windows every fault that the stack can host has its turn', () => {
  const drawn = new Set([1, 2, 3, 4, 5, 6].flatMap((seed) => drawFaults(busy, ours, seed).map(({ fault }) => fault)));
  const hostable = FAULTS.filter((fault) => fault.unavailable(ours) === null).map(({ name }) => name);
  expect([...drawn].sort()).toEqual(hostable.sort());
});

test('a victim may be chosen by its name or its role, where the fault has a choice', () => {
  const victims = (fault: string) => new Set(drawFaults({ ...busy, faults: [fault] }, ours, 4).map((w) => w.victim));
  expect(victims('kill:scheduler')).toEqual(new Set(['scheduler-1', 'scheduler-2']));
  expect(victims('pause:scheduler-2')).toEqual(new Set(['scheduler-2']));
  expect(victims('lost-commit:api-execution')).toEqual(new Set(['api-execution-1']));
  expect(() => drawFaults({ ...busy, faults: ['lost-commit:dag-processor'] }, ours, 4)).toThrow(/cannot choose/);
  expect(() => drawFaults({ ...busy, faults: ['kill:scheduler-9', 'zombies:scheduler-1'] }, ours, 4)).toThrow(
    /kill cannot choose the victim "scheduler-9": there is api-execution-1, .*\nThe fault zombies cannot choose/,
  );
});

test('what is unknown, and what a target does not allow, is said at once', () => {
  const target: Host = { ...ours, ours: false, processes: [] };
  expect(() => drawFaults({ ...busy, faults: ['pause', 'earthquake'] }, target, 1)).toThrow(
    /The fault pause cannot be injected here: it breaks processes.*\nThere is no fault "earthquake"/s,
  );
});

function pairs(windows: readonly PlannedFault[]): [PlannedFault, PlannedFault][] {
  return windows.flatMap((a, i) => windows.slice(i + 1).map((b): [PlannedFault, PlannedFault] => [a, b]));
}
