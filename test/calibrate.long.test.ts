import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Calibration } from '../harness/model/calibration.ts';
import { start, windtunnel } from './airflow.ts';

let cwd: string;

beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-calibrate-'));
});

afterAll(() => rmSync(cwd, { recursive: true, force: true }));

/** Those that show within seconds; the nightly calibration looks for all of them. */
const QUICK = ['skip-guard-queued', 'rtif-merge', 'end-accepted-twice', 'history-doubled'];

/** Whether the load of any run below this folder has begun. */
function isUnderLoad(folder: string): boolean {
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const manifests = files.filter((file) => path.basename(file) === 'manifest.json');
  return manifests.some((file) => /"load_started_ms": \d/.test(readFileSync(path.join(folder, file), 'utf8')));
}

describe('a short calibration', () => {
  test('finds the defects that show at once, and no violation on the clean stack', { timeout: 180_000 }, async () => {
    const args = ['--runs', '1', '--duration', '10s', '--clean', '1', '--jobs', '2', '--seed', '1', '--json'];
    const { code, stdout, stderr } = await windtunnel(['calibrate', '--defects', QUICK.join(), ...args], cwd);
    const result = JSON.parse(stdout) as Calibration;
    expect(result.defects.map(({ name, found }) => `${name} ${found}`).sort()).toEqual(
      QUICK.map((name) => `${name} 1`).sort(),
    );
    expect(result.clean, stderr).toMatchObject({ runs: 1, false_alarms: 0 });
    expect(code).toBe(0);
    const [kept = ''] = readdirSync(path.join(cwd, 'records', 'calibration')).filter((name) => name.endsWith('.json'));
    expect(JSON.parse(readFileSync(path.join(cwd, 'records', 'calibration', kept), 'utf8'))).toEqual(result);
    // Nothing to explain, so nothing is left of the runs.
    expect(existsSync(path.join(cwd, 'runs'))).toBe(false);
  });

  test('Ctrl-C ends it in order, with what there is', { timeout: 90_000 }, async () => {
    const folder = mkdtempSync(path.join(cwd, 'interrupted-'));
    const args = ['--defects', 'rtif-merge', '--runs', '3', '--out', 'half.json'];
    const running = start(['calibrate', ...args], folder);
    while (!isUnderLoad(path.join(folder, 'runs'))) await sleep(200);
    running.kill('SIGINT');
    const { code, stdout } = await running.ended;
    expect(code).toBe(130);
    expect(stdout).toMatch(/INTERRUPTED/);
    expect(JSON.parse(readFileSync(path.join(folder, 'half.json'), 'utf8'))).toMatchObject({ complete: false });
    expect(existsSync(path.join(folder, 'runs'))).toBe(false);
  });
});
