import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Judgement } from '../harness/model/verdict.ts';
import { WINDTUNNEL } from '../harness/system/installation.ts';
import { expectNothingLeft, stacksFolder } from './airflow.ts';

/** A disk that is really full: a file system of so many kB, which only this command and its children see. */
const SMALL_KB = 500;
const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
if (!canMount)
  console.warn('SKIPPED: a full disk, because a small file system cannot be mounted (it takes root on Linux)');

describe.skipIf(!canMount)('on a full disk', () => {
  let cwd: string;
  let TMPDIR: string;

  beforeAll(() => {
    cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-test-'));
    TMPDIR = stacksFolder(cwd);
  });

  afterAll(() => rmSync(cwd, { recursive: true, force: true }));

  test('a run ends by itself, judges what it has, and leaves nothing', { timeout: 120_000 }, () => {
    const run = [process.execPath, WINDTUNNEL, 'run', 'mishaps', '--build', 'reference', '--seed', '3'];
    const script = `
      mkdir disk && mount -t tmpfs -o size=${SMALL_KB}k none disk || exit 99
      "$@" --duration 60s --out disk/run
      code=$?
      echo "== $(ls disk/run)"
      "$1" "$2" check disk/run --json
      exit $code`;
    const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', script, 'sh', ...run], {
      cwd,
      env: { ...process.env, TMPDIR, NO_COLOR: '1' },
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      timeout: 110_000,
    });
    const [printed = '', after = ''] = stdout.split('== ');
    expect(stderr).toMatch(/The record cannot be written to .*disk\/run: .*ENOSPC/);
    expect(stderr).not.toMatch(/\n\s+at |Unhandled|node:internal/);
    expect({ status, printed }).toEqual({ status: 4, printed: expect.stringContaining('run-completed') });
    expect(after).toMatch(/manifest\.json\n[^{]*raw\n/);
    const judgement: Judgement = JSON.parse(after.slice(after.indexOf('{')));
    expect(judgement.counts.operations).toBeGreaterThan(100);
    expect(judgement.assumptions.find(({ name }) => name === 'run-completed')?.verdict).not.toBe('pass');
    expectNothingLeft(TMPDIR);
  });
});
