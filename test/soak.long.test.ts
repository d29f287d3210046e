import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Soak } from '../harness/model/soak.ts';
import { expectNothingLeft, readLines, type Started, stacksFolder, start, until } from './airflow.ts';

const shapes = path.join(import.meta.dirname, '..', 'workloads', 'shapes.ts');
/** Short tasks, so that windows of seconds hold whole lives, and a threshold that the planted defect breaks at once. */
const SCENARIO = `
import { fanOut, REAL_CLIENT, STEADY_HABITS } from ${JSON.stringify(shapes)};
const dags = [1, 2].map((n) => fanOut('wt_fields_' + n, 20, [500, 1500]));
export const scenario = {
  name: 'brief', describe: 'Doubled writes of rendered fields', duration_s: 6, schedulers: 1, api_servers: 1, dags,
  fleet: { ...REAL_CLIENT, habits: { ...STEADY_HABITS, rtif_twice: 1 } },
  operators: [{ operator: 'trigger', dags: dags.map((dag) => dag.dag_id), every_ms: 2000, start_after_ms: 500 }],
  aims: ['acknowledged-is-durable'],
  thresholds: { 'http_409{operation:rtif}': [{ threshold: 'count<1', abortOnFail: true }] },
};
`;

let cwd: string;
let stacks: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-soak-'));
  stacks = stacksFolder(cwd);
  writeFileSync(path.join(cwd, 'brief.ts'), SCENARIO);
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const soak = (...args: readonly string[]): Started => start(['soak', ...args], cwd, { TMPDIR: stacks });
const index = (folder: string): Soak => JSON.parse(readFileSync(path.join(cwd, folder, 'soak.json'), 'utf8'));
const story = ({ windows }: Soak) => windows.map(({ number, attempt, ended }) => `${number}.${attempt} ${ended}`);
const tables = (folder: string, window: string) =>
  readdirSync(path.join(cwd, folder, window)).filter((name) => name.endsWith('.parquet'));

test('a soak that is killed in its second window continues there, and ends as if nothing had happened', async () => {
  const flags = ['--build', 'reference', '--duration', '12s', '--window', '6s', '--seed', '7', '--keep-windows', '0'];
  // A soak that is resumed keeps the engine that it began with.
  const first = soak('brief.ts', ...flags, '--engine', 'native', '--out', 'kept');
  await until('the load of the first window', () => /window 1 of 2 · load/.test(first.stderr()));
  // Two harnesses in one folder would write over each other.
  const second = soak('--resume', 'kept').ended;
  await until('the load of the second window', () => /window 2 of 2 · load/.test(first.stderr()));
  const operations = path.join(cwd, 'kept', 'windows', '0002', 'raw', 'operations.ndjson');
  await until('some answers', () => existsSync(operations) && readLines(operations).length > 20);
  first.kill('SIGKILL');
  await first.ended;
  expect(await second).toMatchObject({ code: 2, stderr: expect.stringMatching(/is still running, as process/) });
  expect(story(index('kept'))).toEqual(['1.1 completed', '2.1 null']);

  const resumed = await soak('--resume', 'kept').ended;
  const ended = index('kept');
  expect(story(ended)).toEqual(['1.1 completed', '2.1 broken-off', '2.2 completed']);
  expect(ended.state).toBe('completed');
  const [one, cut, again] = ended.windows;
  for (const { folder } of ended.windows) {
    const { engine } = JSON.parse(readFileSync(path.join(cwd, 'kept', folder, 'manifest.json'), 'utf8'));
    expect(engine).toBe('native');
  }
  // The same plan; what the broken one had written is judged, without a violation.
  expect(again?.seed).toBe(cut?.seed);
  expect(one?.seed).not.toBe(cut?.seed);
  expect(cut?.judged?.broken).toEqual({});
  expect(cut?.judged?.doubts).toContainEqual(expect.stringMatching(/^run-completed: The harness was killed/));
  // What was under way at that moment is not on record, and so little load need not hold every kind of request.
  for (const doubt of cut?.judged?.doubts ?? [])
    expect(doubt).toMatch(/^(run-completed|operations-reconciled|load-was-on): /);
  expect(cut?.judged?.counts.operations).toBeGreaterThan(0);
  expect(ended.windows.map(({ judged }) => judged?.broken)).toEqual([{}, {}, {}]);
  expect(ended.gaps).toMatchObject([{ window: 2 }]);
  expect(resumed.stdout).toContain('window 2 was interrupted and its plan repeated');
  // On a busy machine the generator may have been late: then it says so, and never that something broke.
  expect([0, 3]).toContain(resumed.code);
  for (const window of [one, again]) {
    expect(window?.readings).toMatchObject({
      'harness.heap_bytes': expect.any(Number),
      'database.bytes': expect.any(Number),
    });
    expect(window?.judged?.kept).toContain('acknowledged-is-durable');
  }

  // The disk: a summary of the first, all of the newest.
  expect(ended.windows.map(({ whole }) => whole)).toEqual([false, false, true]);
  expect(tables('kept', 'windows/0001')).toEqual([]);
  expect(existsSync(path.join(cwd, 'kept', 'windows/0001/verdict.json'))).toBe(true);
  expect(tables('kept', 'windows/0002-2')).toContain('operations.parquet');
  expectNothingLeft(stacks);

  expect(await soak('--resume', 'kept').ended).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/is complete/),
  });
}, 240_000);

test('a broken threshold ends a soak early, and what broke it is kept whole', async () => {
  const flags = ['--duration', '60s', '--window', '6s', '--seed', '7', '--keep-windows', '0'];
  const { code, stdout } = await soak('brief.ts', '--build', 'reference+rtif-merge', ...flags, '--out', 'broken').ended;
  const ended = index('broken');
  expect({ code, state: ended.state, verdict: ended.verdict }).toEqual({ code: 1, state: 'stopped', verdict: 'fail' });
  expect(ended.why).toMatch(/^window 1: http_409\{operation:rtif\}: count<1 does not hold/);
  expect(stdout).toMatch(/rtif-last-writer-wins: \d+ violations? in/);
  expect(ended.windows.length).toBeLessThan(4);
  expect(ended.windows[0]).toMatchObject({ whole: true, judged: { verdict: 'fail' } });
  expect(tables('broken', 'windows/0001')).toContain('commits.parquet');
  expectNothingLeft(stacks);
}, 240_000);
