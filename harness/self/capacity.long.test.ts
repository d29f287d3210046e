import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';
import { play } from '../../bench/self/play.ts';
import type { Capacity } from '../model/manifest.ts';
import { keepCapacity, keptCapacity } from './capacity.ts';

const CAPACITY: Capacity = {
  requests_per_s: 9_000,
  live_workers: 30_000,
  late_p99_ms: 4.2,
  longest_pause_ms: 31,
  recorder_rows_per_s: 200_000,
  measured_at: '2026-01-01T00:00:00.000Z',
};
const SHORT = { warmUpS: 0.5, seconds: 1, heartbeatMs: 5_000, lifeMs: 0, lives: 8, livesPerS: 0, connections: 64 };

let cache: string;
const before = { WINDTUNNEL_CACHE: process.env.WINDTUNNEL_CACHE, TMPDIR: process.env.TMPDIR };

beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  // Of its own, too, the folder for what is temporary: what others leave in theirs is not looked at.
  process.env.WINDTUNNEL_CACHE = process.env.TMPDIR = cache;
});

afterEach(() => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  rmSync(cache, { recursive: true });
});

test('what was measured is kept for the same machine only', () => {
  expect(keptCapacity()).toBeUndefined();
  keepCapacity(CAPACITY);
  expect(keptCapacity()).toEqual(CAPACITY);

  const file = path.join(cache, 'bench-self.json');
  const kept = readFileSync(file, 'utf8');
  writeFileSync(file, kept.replace(process.version, 'v1.2.3'));
  expect(keptCapacity()).toBeUndefined();
  for (const damaged of ['', 'null', kept.replace('9000', '"many"')]) {
    writeFileSync(file, damaged);
    expect(keptCapacity()).toBeUndefined();
  }
});

test('the fleet plays against the stub, and nothing of it stays', async () => {
  const measured = await play(SHORT);
  expect(measured).toMatchObject({ failed: 0 });
  expect(measured.requests_per_s).toBeGreaterThan(100);
  expect(measured.cpu_share).toBeGreaterThan(0);
  expect(measured.rows_per_s).toBeGreaterThan(1_000);
  expect(left()).toEqual([]);
});

test('a measurement that is called off ends at once, and nothing of it stays', async () => {
  const off = new AbortController();
  const reason = new Error('called off');
  setTimeout(() => off.abort(reason), 700);
  const began = performance.now();
  await expect(play({ ...SHORT, seconds: 60, signal: off.signal })).rejects.toBe(reason);
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(left()).toEqual([]);
});

/** Names of state files, and of the folders that they name. */
function left(): string[] {
  const states = path.join(cache, 'state');
  const folders = readdirSync(cache).filter((name) => name.startsWith('wt-self-'));
  return [...(existsSync(states) ? readdirSync(states) : []), ...folders];
}
