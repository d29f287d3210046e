import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { windtunnel } from './airflow.ts';

vi.setConfig({ testTimeout: 900_000 });

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-script-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

test('of a finding of a traced run a file is made that breaks the build each time, and not a healthy one', async () => {
  const build = ['--build', 'reference+rtif-merge'];
  const ran = await windtunnel(['run', 'seeds', ...build, '--trace', '--duration', '15s', '--out', 'run'], cwd);
  expect(ran.code, ran.stderr).toBe(1);
  const { findings } = JSON.parse(readFileSync(path.join(cwd, 'run', 'verdict.json'), 'utf8'));
  const [twice] = findings.filter(({ known_race }: { known_race: string }) => known_race === '#63581');

  const sketch = await windtunnel(['script', 'run', twice.id, '--sketch'], cwd);
  expect(sketch.code, sketch.stderr).toBe(0);
  expect(sketch.stdout).toContain('release one and two together');

  const made = await windtunnel(['script', 'run', twice.id, '--times', '2', '--records', 'records'], cwd);
  expect(made.code, made.stderr).toBe(0);
  const text = readFileSync(path.join(cwd, '63581.race.yaml'), 'utf8');
  expect(text).toContain('# broken 2 of 2 on reference+rtif-merge');
  expect(text.split('\n').length).toBeLessThanOrEqual(30);

  const healthy = await windtunnel(['replay', '63581.race.yaml', '--build', 'reference', '--times', '1'], cwd);
  expect(healthy.code, healthy.stdout).toBe(0);
});

test('a run without a trace has no script, and the message says how to make one', async () => {
  const ran = await windtunnel(
    ['run', 'seeds', '--build', 'reference+rtif-merge', '--duration', '15s', '--out', 'bare'],
    cwd,
  );
  expect(ran.code, ran.stderr).toBe(1);
  const { code, stdout } = await windtunnel(['script', 'bare', 'F1'], cwd);
  expect(code).toBe(3);
  expect(stdout).toContain('slice: the run has no trace');
  expect(existsSync(path.join(cwd, 'runs'))).toBe(false);
});
