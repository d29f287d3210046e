import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { UnavailableError } from '../../model/errors.ts';
import { childEnvironment } from '../../system/environment.ts';
import { moduleFile } from '../../system/installation.ts';

const run = promisify(execFile);

/** Runs TypeScript and asynchronous requests as they are. */
const OLDEST_MAJOR = 1;
const ASK_MS = 20_000;

/** Plays workers; see there for what it wants in its environment. */
const WORKER = moduleFile(import.meta.url, '../../../workloads/k6/worker');
/** No usage report, and no API server: its port would be the same for all. */
export const K6_WORKER: readonly string[] = [
  'run',
  '--quiet',
  '--no-color',
  '--no-usage-report',
  '--address',
  '',
  WORKER,
];

export interface K6Binary {
  readonly path: string;
  /** `1.8.1` */
  readonly version: string;
}

/** WINDTUNNEL_K6 names it; else the one on PATH, or where `go install` puts it. */
export async function findK6(): Promise<K6Binary> {
  const named = process.env.WINDTUNNEL_K6;
  const places = named ? [named] : ['k6', path.join(process.env.GOPATH ?? path.join(homedir(), 'go'), 'bin', 'k6')];
  const found: string[] = [];
  for (const place of places) {
    const version = await versionOf(place);
    if (version === undefined) continue;
    if (Number(version.split('.')[0]) >= OLDEST_MAJOR) return { path: place, version };
    found.push(`${place} is ${version}`);
  }
  const where = found.length > 0 ? found.join(', ') : `there is none at ${places.join(' or ')}`;
  throw new UnavailableError(
    `k6 ${OLDEST_MAJOR} or newer is needed, and ${where}. Install it (\`go install go.k6.io/k6@v1.8.1\`, or see ` +
      'https://grafana.com/docs/k6/latest/set-up/install-k6/), or name it with WINDTUNNEL_K6.',
  );
}

async function versionOf(place: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(place, ['version'], { timeout: ASK_MS, env: childEnvironment() });
    return /^k6(?:\.exe)? v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}
