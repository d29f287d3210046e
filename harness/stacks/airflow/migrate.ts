import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

import { messageOf, StackError } from '../../model/errors.ts';
import { childEnvironment } from '../../system/environment.ts';
import { databaseTemplate, type TemplateOptions } from '../template.ts';
import type { AirflowInstall } from './install.ts';
import { airflowSettings } from './settings.ts';

const run = promisify(execFile);
const MIGRATE_TIMEOUT_MS = 180_000;

/** A data folder with a database that is migrated for this install. */
export function migratedTemplate(install: AirflowInstall, options: TemplateOptions): Promise<string> {
  return databaseTemplate(
    { name: install.version, key: install.packagesHash, what: 'migrating a database (once per build)' },
    options,
    (dsn, workshop) => migrate(install, workshop, dsn, options.signal),
  );
}

async function migrate(install: AirflowInstall, workshop: string, dsn: string, signal: AbortSignal): Promise<void> {
  const settings = airflowSettings({
    home: path.join(workshop, 'airflow'),
    dagsFolder: path.join(workshop, 'dags'),
    dsn,
    publicUrl: 'http://127.0.0.1:1',
    executionUrl: 'http://127.0.0.1:1/execution/',
    secret: 'migration-needs-no-secret-but-airflow-wants-one-of-sixty-four-bytes!',
    executor: 'LocalExecutor',
  });
  try {
    await run(path.join(install.bin, 'airflow'), ['db', 'migrate'], {
      env: { ...childEnvironment(), ...settings },
      timeout: MIGRATE_TIMEOUT_MS,
      maxBuffer: 64 << 20,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new StackError(`airflow db migrate failed for ${install.version}: ${lastLines(messageOf(error))}`, {
      cause: error,
    });
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' · ');
}
