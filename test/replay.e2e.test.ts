import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { Replay } from '../harness/model/replay.ts';
import { windtunnel } from './airflow.ts';

vi.setConfig({ testTimeout: 480_000 });

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-replay-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

test('a script breaks the build with its defect, its controls hold, and the record can be judged again', async () => {
  const flags = ['--build', 'reference+rtif-merge', '--times', '1', '--out', 'broken', '--junit', 'broken.xml'];
  const { code, stdout, stderr } = await windtunnel(['replay', '63581', ...flags, '--json'], cwd);
  expect(code, stderr).toBe(1);
  const { outcome, files }: Replay = JSON.parse(stdout);
  expect(outcome).toBe('broken');
  expect(files[0]).toMatchObject({ race: '#63581', counts: { broken: 1 }, times: 1 });
  expect(files[0]?.controls).toEqual([
    { kind: 'without-holds', times: 1, broken: 0 },
    { kind: 'hold-alone', times: 1, broken: 0 },
  ]);
  expect(files[0]?.steps.map(({ text }) => text)).toContain('release one and two together');
  expect(readFileSync(path.join(cwd, 'broken.xml'), 'utf8')).toContain('failures="1"');

  const again = await windtunnel(['check', path.join('broken', '63581'), '--json'], cwd);
  const { episodes } = JSON.parse(again.stdout);
  expect(episodes.map(({ kind, outcome: judged }: { kind: string; outcome: string }) => [kind, judged])).toEqual([
    ['script', 'broken'],
    ['without-holds', 'held'],
    ['hold-alone', 'held'],
  ]);
  const repeated = await windtunnel(['run', path.join('broken', '63581')], cwd);
  expect(repeated.code).toBe(2);
  expect(repeated.stderr).toContain('script.race.yaml');
});

test('on a build without the defect the same order comes about, and the invariant holds', async () => {
  const flags = ['--build', 'reference', '--times', '1', '--out', 'held'];
  const { code, stdout, stderr } = await windtunnel(['replay', '63581', ...flags, '--json'], cwd);
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout).files[0]).toMatchObject({ outcome: 'held', counts: { held: 1 } });
});
