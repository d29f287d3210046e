import { readFileSync } from 'node:fs';
import path from 'node:path';

import envPaths from 'env-paths';

/** Installed Airflow releases, migrated databases and the process tables of running harnesses. */
export function cacheFolder(): string {
  return process.env.WINDTUNNEL_CACHE ?? path.resolve(envPaths('windtunnel', { suffix: '' }).cache);
}

export function windtunnelVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
