import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { WINDTUNNEL } from '../harness/system/installation.ts';
import { windtunnel } from './airflow.ts';
import { NO_OTHER_SERVER, otherServers } from './other-postgres.ts';

const SERVERS = otherServers();
if (SERVERS.length === 0) console.warn(NO_OTHER_SERVER);

describe.skipIf(SERVERS.length === 0).each(SERVERS)('WINDTUNNEL_POSTGRES=%s', (server) => {
  const node = (args: readonly string[]) =>
    execFileSync(process.execPath, args, {
      encoding: 'utf8',
      stdio: 'pipe',
      env: { ...process.env, WINDTUNNEL_POSTGRES: server },
    });

  test('a run of the reference stack is recorded and judged', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'wt-other-'));
    try {
      const out = path.join(folder, 'run');
      const flags = ['--build', 'reference', '--duration', '10s', '--seed', '5', '--out', out];
      // Too short to test everything: 3.
      const { code, stderr } = await windtunnel(['run', 'seeds', ...flags], folder, { WINDTUNNEL_POSTGRES: server });
      expect([0, 3], stderr).toContain(code);
      const { identity } = JSON.parse(readFileSync(path.join(out, 'manifest.json'), 'utf8'));
      expect(identity.postgres).toMatch(new RegExp(`^${path.basename(server)}\\.`));
      const rows = node([WINDTUNNEL, 'query', out, 'SELECT count(*) > 100 FROM commits WHERE writer IS NOT NULL']);
      expect(rows).toContain('true');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('the tests of the recorder and of the stacks hold', () => {
    const vitest = 'node_modules/vitest/vitest.mjs';
    const said = node([vitest, 'run', '--project', 'db', 'harness/record', 'harness/stacks', 'reference/dags']);
    expect(said).toMatch(/\n[3-9]\d passed, 0 failed, 0 skipped/);
  });
});
