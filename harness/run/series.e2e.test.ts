import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNothingLeft, stacksFolder } from '../../test/airflow.ts';
import type { TimedStep } from '../model/timing.ts';
import { readManifest } from '../run-folder/manifest.ts';
import { resolvePlan } from './plan.ts';
import { type NextRun, RunSeries } from './series.ts';
import { subjectOf } from './subject.ts';

let cwd: string;
let usual: string | undefined;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-series-'));
  usual = process.env.TMPDIR;
  process.env.TMPDIR = stacksFolder(cwd);
});

afterAll(() => {
  process.env.TMPDIR = usual;
  rmSync(cwd, { recursive: true, force: true });
});

const ignore = () => undefined;
const silent = { phase: ignore, numbers: ignore, note: ignore, sighting: ignore, judged: ignore, stop: ignore };
const { signal } = new AbortController();

async function specOf(seed: number): Promise<NextRun> {
  const subject = subjectOf({ build: 'reference' });
  const plan = await resolvePlan('seeds', { seed, duration: '5s' }, subject);
  return { subject, plan, out: path.join(cwd, `run-${seed}`), repeat: '', signal };
}

/** Times of a run as the clock on the wall has them, milliseconds. */
async function timesOf(seed: number) {
  const folder = path.join(cwd, `run-${seed}`);
  const { started_at, load_started_ms } = await readManifest(folder);
  const { steps } = JSON.parse(readFileSync(path.join(folder, 'timings.json'), 'utf8')) as { steps: TimedStep[] };
  const startedMs = Date.parse(started_at);
  const ended = (name: string) => startedMs + (steps.find(({ step }) => step === name)?.ended_ms ?? Number.NaN);
  return { startedMs, loadMs: startedMs + (load_started_ms ?? Number.NaN), ended };
}

test('a stack is started while the run before it is judged, and its load begins afterwards', {
  timeout: 900_000,
}, async () => {
  const series = new RunSeries();
  try {
    await series.play({ ...(await specOf(1)), progress: silent }, () => specOf(2));
    const { failure } = await series.play({ ...(await specOf(2)), progress: silent }, () => specOf(3));
    expect(failure).toBeUndefined();
    expect(existsSync(path.join(cwd, 'run-3'))).toBe(true);
  } finally {
    await series.close();
  }
  const [first, second] = [await timesOf(1), await timesOf(2)];
  expect(second.startedMs).toBeGreaterThanOrEqual(first.ended('take the stack down'));
  expect(second.startedMs).toBeLessThan(first.ended('judge and report'));
  expect(second.loadMs).toBeGreaterThan(first.ended('judge and report'));
  // The third one was expected and not played.
  expect(existsSync(path.join(cwd, 'run-3'))).toBe(false);
  expectNothingLeft(process.env.TMPDIR ?? '');
});
