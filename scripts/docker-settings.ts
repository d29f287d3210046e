import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { airflowSettings } from '../harness/stacks/airflow/settings.ts';
import { POSTGRES_SETTINGS } from '../harness/stacks/postgres.ts';

/**
 * The containers get the same settings as the processes of `windtunnel run --build`: these files are written from the
 * same tables, by `npm run docker-settings`, and a test says when that was forgotten.
 */
export const SETTINGS_FILES: Readonly<Record<string, () => string>> = {
  'airflow.env': airflowEnv,
  'postgres/postgresql.conf': postgresConf,
};

/** They hold a secret or a password, which compose.yaml takes from the environment. */
const IN_COMPOSE = ['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN', 'AIRFLOW__API__SECRET_KEY', 'AIRFLOW__API_AUTH__JWT_SECRET'];

const HEADER = '# Written by `npm run docker-settings` from';

function airflowEnv(): string {
  const settings = airflowSettings({
    home: '/opt/airflow',
    dagsFolder: '/shared/dags',
    dsn: '',
    publicUrl: 'http://localhost:8080',
    executionUrl: 'http://api-execution-1:8080/execution/',
    secret: '',
    executor: 'windtunnel_executor.HandOffExecutor',
  });
  const lines = Object.entries(settings)
    .filter(([name]) => !IN_COMPOSE.includes(name))
    .map(([name, value]) => `${name}=${value}`);
  return `${[`${HEADER} harness/stacks/airflow/settings.ts, which says why each is set.`, ...lines].join('\n')}\n`;
}

/** What a container has otherwise: an address, and a folder that others read. */
const PLACE: Readonly<Record<string, string | undefined>> = {
  listen_addresses: '*',
  log_directory: '/var/log/postgresql',
  log_file_mode: '0644',
};

function postgresConf(): string {
  const lines = Object.entries({ ...POSTGRES_SETTINGS, ...PLACE })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} = '${value}'`);
  return `${[`${HEADER} harness/stacks/postgres.ts, which says why each is set.`, ...lines].join('\n')}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of Object.entries(SETTINGS_FILES)) {
    writeFileSync(path.join(import.meta.dirname, '..', 'docker', file), text());
  }
}
