import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, test, vi } from 'vitest';

import { keptPatches } from '../harness/stacks/airflow/kept-patches.ts';
import { whyNoAirflow, windtunnel } from './airflow.ts';

vi.setConfig({ testTimeout: 900_000 });

const why = await whyNoAirflow();
const cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-patches-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe.skipIf(why !== undefined)('on the real Airflow', () => {
  test('a run says what was patched, keeps it, and is repeated with it', async () => {
    const [patch] = keptPatches().filter(({ file }) => file.endsWith('63266-guard.patch'));
    const run = path.join(cwd, 'RUN');
    const flags = ['--build', `airflow@3.1.8+${patch?.file}`, '--seed', '1', '--duration', '20s', '--out', run];
    const { code, stdout, stderr } = await windtunnel(['run', 'race-63266', ...flags], cwd);
    expect([0, 1, 3], stderr).toContain(code);
    expect(stdout).toMatch(/airflow@3\.1\.8\+63266-guard:[0-9a-f]{7}/);

    const manifest = JSON.parse(readFileSync(path.join(run, 'manifest.json'), 'utf8'));
    const kept = path.join(run, 'patches', '1-63266-guard.patch');
    expect(readFileSync(kept, 'utf8')).toBe(readFileSync(patch?.file ?? '', 'utf8'));
    const sha256 = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(manifest.patches).toEqual([{ name: '63266-guard', sha256, file: 'patches/1-63266-guard.patch' }]);
    expect(manifest.build).toBe(`airflow@3.1.8+63266-guard:${manifest.patches[0].sha256.slice(0, 7)}`);

    const alone = await windtunnel(['run', run], cwd);
    expect(alone.code).toBe(2);
    expect(alone.stderr).toContain(`add --build airflow@3.1.8+${kept}.`);
    expect(existsSync(path.join(cwd, 'runs'))).toBe(false);
  });

  test('a patch of another release is refused, and nothing is left of it', async () => {
    const [patch] = keptPatches().filter(({ release }) => release === '3.3.2');
    const refused = await windtunnel(['run', 'race-63266', '--build', `airflow@3.1.8+${patch?.file}`], cwd);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/63266-unguarded does not fit Airflow 3\.1\.8: hunk 1 \(@@ .* @@\) of airflow\//);
    expect(existsSync(path.join(cwd, 'runs'))).toBe(false);
  });
});
