import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { findPython } from '../stacks/airflow/python.ts';
import { knownReleases } from '../stacks/airflow/releases.ts';
import { python } from './checks.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'windtunnel-python-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** Makes the only Python one that says it is of this version. */
function only(version: string): void {
  const file = path.join(folder, `python${version}`);
  writeFileSync(file, `#!/bin/sh\necho ${version}\necho ${file}\n`);
  chmodSync(file, 0o755);
  vi.stubEnv('WINDTUNNEL_PYTHON', file);
}

test.each([
  ['3.9.2', 'missing', []],
  ['3.10.1', 'ok', ['3.1.8', '3.3.2', '3.4.0b2']],
  ['3.13.0', 'ok', ['3.1.8', '3.3.2', '3.4.0b2']],
  ['3.14.1', 'note', ['3.3.2', '3.4.0b2']],
  ['3.15.0', 'missing', []],
] as const)('doctor says of Python %s what a run says', async (version, state, releases: readonly string[]) => {
  only(version);
  const diagnosis = await python();
  expect(diagnosis.state).toBe(state);
  for (const release of ['3.1.8', '3.3.2', '3.4.0b2']) {
    expect(knownReleases()).toContain(release);
    const found = findPython(AbortSignal.timeout(30_000), release);
    if (releases.includes(release)) expect((await found).version).toBe(version);
    else await expect(found).rejects.toThrow(`Airflow ${release} needs Python 3.10 to 3.1`);
  }
  if (state === 'note')
    expect(diagnosis.sentence).toMatch(/^3\.14\.1 at .*, for Airflow 3\.4\.0b2\. Airflow 3\.1\.8 needs/);
});
