import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { installAirflow } from '../../harness/stacks/airflow/install.ts';
import { runTool } from '../../harness/system/run-tool.ts';
import { parseListed, type ReleaseRoutes } from './page.ts';

const PROGRAM = fileURLToPath(new URL('list-routes.py', import.meta.url));
const TIMEOUT_MS = 300_000;

/** What these releases list, each installed if it is not. Rejects with what Python said if one cannot be asked. */
export async function listRoutes(releases: readonly string[]): Promise<ReleaseRoutes[]> {
  const cwd = mkdtempSync(path.join(tmpdir(), 'windtunnel-routes-'));
  const listed: ReleaseRoutes[] = [];
  try {
    for (const release of releases) {
      const signal = AbortSignal.timeout(900_000);
      const { python } = await installAirflow(release, { log: () => undefined, signal });
      const { code, stdout, stderr } = await runTool(python, [PROGRAM], { timeoutMs: TIMEOUT_MS, signal, cwd });
      if (code !== 0) throw new Error(`the routes of ${release} could not be listed: ${stderr.slice(-500)}`);
      listed.push(parseListed(stdout));
    }
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
  return listed;
}
