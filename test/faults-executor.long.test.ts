import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpenRun, openRun } from '../harness/judge/open-run.ts';
import { literalManifest } from '../harness/testing/literal-run.ts';
import { scenario } from '../workloads/scenarios/stuck.ts';
import { windtunnel } from './airflow.ts';

/** A slow queue, and the race that it opens, on a stack that has it. */

const RUN_MS = 120_000;
let cwd: string;
let run: OpenRun;

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-test-'));
  const faults = [
    { fault: 'revoke-slow', victim: 'executor', at_ms: 1_000, for_ms: 29_000, with: { share: 1, seed: 3 } },
  ];
  const build = 'reference+requeue-unguarded';
  const plan = { seed: 3, scenario: { ...scenario, duration_s: 32 }, faults };
  mkdirSync(path.join(cwd, 'planned'));
  const manifest = { ...literalManifest({}), build, plan };
  writeFileSync(path.join(cwd, 'planned', 'manifest.json'), JSON.stringify(manifest));
  const { code, stderr } = await windtunnel(['run', './planned', '--build', build, '--out', 'run', '--json'], cwd);
  expect(code, stderr.slice(-800)).toBe(1);
  run = await openRun(path.join(cwd, 'run'));
}, RUN_MS);

afterAll(async () => {
  await run.close();
  rmSync(cwd, { recursive: true, force: true });
});

test('revoke-slow: what is taken back one after the other takes longer by the delay', async () => {
  expect(await run.rows('SELECT fault, detail FROM fault_windows')).toEqual([
    { fault: 'revoke-slow', detail: expect.stringMatching(/; [1-9]\d* times$/) },
  ]);
  // A scheduler's look is 5 s after the one before.
  const gaps = await run.rows(`SELECT gap_ms FROM (
      SELECT committed_ms, committed_ms - lag(committed_ms) OVER (ORDER BY seq) AS gap_ms FROM taken_back
    ) JOIN fault_windows ON committed_ms BETWEEN opened_ms + 2500 AND until_ms
    WHERE gap_ms < 2500 ORDER BY gap_ms`);
  expect(gaps.length).toBeGreaterThan(2);
  // Without it they are milliseconds apart.
  expect(Number(gaps[0]?.gap_ms)).toBeGreaterThan(290);
});

test('a worker does not start a task that is revoked in time', async () => {
  const revoked =
    await run.rows(`SELECT started_ms, (SELECT count(*) FROM operations WHERE operations.life = lives.life) AS sent
    FROM lives WHERE "end" = 'revoked'`);
  expect(revoked.length).toBeGreaterThan(0);
  for (const life of revoked) expect(life).toEqual({ started_ms: null, sent: 0 });
});

test('one that starts during the revocation is overwritten, and runs once more', async () => {
  const twice = await run.row(`SELECT count(*) AS n FROM taken_back WHERE old_state IN ('running', 'success')`);
  expect(Number(twice.n)).toBeGreaterThan(0);
});
