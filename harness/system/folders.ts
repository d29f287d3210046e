import path from 'node:path';

import envPaths from 'env-paths';

/** Installed Airflow releases, migrated databases and the process tables of running harnesses. */
export function cacheFolder(): string {
  return process.env.WINDTUNNEL_CACHE ?? path.resolve(envPaths('windtunnel', { suffix: '' }).cache);
}
