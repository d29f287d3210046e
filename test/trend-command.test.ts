import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Manifest } from '../harness/model/manifest.ts';
import { RUN_FORMAT } from '../harness/model/tables.ts';
import type { NightlyTrend } from '../harness/model/trend.ts';
import { manifest } from '../harness/testing/fixture.ts';
import { literalNights } from '../harness/testing/nights.ts';
import { callInProcess } from './in-process.ts';

let cwd: string;

const stored = (over: Partial<Manifest> = {}) => manifest({ ...over, format: RUN_FORMAT, ended: 'completed' });

/** As a CI job keeps them: a folder for each night, in it the run folder with verdict and manifest. */
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-trend-'));
  const nights = literalNights(20, (night) => (night < 10 ? {} : { airflow: '3.3.2', p95_ms: 90 }));
  for (const { folder, manifest: described, runs } of nights) {
    const run = path.join(cwd, folder, 'seeds', 'run');
    mkdirSync(run, { recursive: true });
    writeFileSync(path.join(run, 'manifest.json'), JSON.stringify(stored(described)));
    writeFileSync(path.join(run, 'verdict.json'), JSON.stringify(runs[0]?.judged));
  }
  const unjudged = path.join(cwd, 'nights', '2026-12-01', 'run');
  mkdirSync(unjudged, { recursive: true });
  writeFileSync(path.join(unjudged, 'manifest.json'), JSON.stringify(stored()));
  mkdirSync(path.join(cwd, 'empty'));
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

test('a page and its summary are written beside the nights, and what changed is printed', async () => {
  const { code, stdout, stderr } = await callInProcess(['trend', 'nights'], cwd);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^seeds: 20 nights, 2026-11-01 to 2026-11-20\n/);
  expect(stdout).toMatch(
    /~ latency of heartbeat, p95 rose: 4\d ms → 9\d ms from 2026-11-11 on[\s\S]*3\.3\.1\s+→ 3\.3\.2/,
  );
  expect(stdout).toMatch(/! left out: nights\/2026-12-01\/run has no verdict: `windtunnel check/);
  expect(stdout.trimEnd().endsWith(path.join('nights', 'trend.html'))).toBe(true);
  expect(readFileSync(path.join(cwd, 'nights', 'trend.html'), 'utf8')).toContain('1 change of level');
  expect(readFileSync(path.join(cwd, 'nights', 'trend.md'), 'utf8')).toContain('| 2026-11-11 | latency of heartbeat');
});

test('as one JSON document, of the newest nights', async () => {
  const { stdout } = await callInProcess(['trend', 'nights', '--json', '--last', '5'], cwd);
  const trend: NightlyTrend = JSON.parse(stdout);
  expect(trend).toMatchObject({ format: 1, tested: 0, scenarios: [{ scenario: 'seeds' }] });
  expect(trend.scenarios[0]?.nights.map(({ at }) => at.slice(8, 10))).toEqual(['16', '17', '18', '19', '20']);
});

test('all that is wrong is said at once, with exit code 2, and nothing is written', async () => {
  const { code, stderr } = await callInProcess(['trend', 'empty', 'nowhere', '--last', '0', '--out', 'page.pdf'], cwd);
  expect(code).toBe(2);
  expect(stderr).toMatch(/empty holds no stored run and no soak \(neither manifest\.json nor soak\.json/);
  expect(stderr).toMatch(/nowhere holds no stored run and no soak \(no such folder\)/);
  expect(stderr).toMatch(/--last must be a whole number from 1, not 0/);
  expect(stderr).toMatch(/--out must end in \.html, not "page\.pdf"/);
  const other = await callInProcess(['trend', 'nights', '--build', 'airflow@4'], cwd);
  expect(other).toMatchObject({ code: 2, stdout: '' });
  expect(other.stderr).toMatch(/No night is of a build with "airflow@4" in its name: there are airflow@main\./);
  const unjudged = await callInProcess(['trend', 'nights/2026-12-01'], cwd);
  expect(unjudged.stderr).toMatch(/^There is no night with a verdict:\n {2}- .* has no verdict: `windtunnel check/);
});
