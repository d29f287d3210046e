import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, test, vi } from 'vitest';

import { installAirflow } from '../harness/stacks/airflow/install.ts';
import { keptPatches } from '../harness/stacks/airflow/kept-patches.ts';
import { runTool } from '../harness/system/run-tool.ts';
import { whyNoAirflow } from './airflow.ts';

vi.setConfig({ testTimeout: 900_000 });

const why = await whyNoAirflow();
const cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-patches-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe.skipIf(why !== undefined)('on the real Airflow', () => {
  test.each(keptPatches())('$build is installed, and what it changes can be imported', async ({ release, file }) => {
    const options = { log: () => undefined, signal: AbortSignal.timeout(900_000) };
    const { python, patches } = await installAirflow(release, { ...options, patches: [file] });
    const modules = patches.flatMap(({ changes }) =>
      changes.flatMap(({ places }) => places.map((place) => place.replace(/\.py$/, '').replaceAll('/', '.'))),
    );
    vi.stubEnv('AIRFLOW_HOME', cwd);
    const imported = await runTool(python, ['-c', `import airflow.models, ${modules.join(', ')}`], {
      timeoutMs: 300_000,
      signal: options.signal,
    });
    vi.unstubAllEnvs();
    expect(imported.code, imported.stderr).toBe(0);
  });
});
