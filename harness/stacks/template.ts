import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { messageOf, StackError } from '../model/errors.ts';
import { cacheFolder } from '../system/installation.ts';
import { freePorts } from '../system/ports.ts';
import { withClient } from '../system/postgres-client.ts';
import type { ProcessTable } from '../system/process-table.ts';
import { toolEnvironment } from '../system/run-tool.ts';
import { stopPostgres } from '../system/signals.ts';
import type { AirflowInstall } from './airflow/install.ts';
import { airflowSettings } from './airflow/settings.ts';
import { POSTGRES_VERSION, startPostgres } from './postgres.ts';

const run = promisify(execFile);

/** What a migrated database depends on besides the installed packages. Raise it when the recipe below changes. */
const RECIPE = '1';
const MIGRATE_TIMEOUT_MS = 180_000;

export interface TemplateOptions {
  readonly table: ProcessTable;
  /** A folder that goes away with the run. */
  readonly workshop: string;
  progress(text: string): void;
  readonly signal: AbortSignal;
}

/**
 * The data folder of a cluster whose database `airflow` is migrated for this install: made once, then copied, because
 * `airflow db migrate` takes longer than the rest of a warm start together.
 */
export function migratedTemplate(install: AirflowInstall, options: TemplateOptions): Promise<string> {
  return template(
    { name: install.version, key: install.packagesHash, what: 'migrating a database (once per build)' },
    options,
    (dsn, workshop) => migrate(install, workshop, dsn, options.signal),
  );
}

/** The same for a database that is made by running this SQL. */
export function schemaTemplate(name: string, sql: string, options: TemplateOptions): Promise<string> {
  return template({ name, key: sql, what: 'making a database (once)' }, options, (dsn) =>
    withClient(dsn, async (client) => void (await client.query(sql))),
  );
}

interface TemplateIdentity {
  readonly name: string;
  /** Whatever changes the content of the database changes this. */
  readonly key: string;
  /** What making it is called while it lasts. */
  readonly what: string;
}

async function template(
  { name, key, what }: TemplateIdentity,
  { table, workshop: folder, progress, signal }: TemplateOptions,
  fill: (dsn: string, workshop: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256').update([RECIPE, POSTGRES_VERSION, key].join('/')).digest('hex');
  const home = path.join(cacheFolder(), 'templates', `${name}-${hash.slice(0, 12)}`);
  const ready = path.join(home, 'pgdata');
  if (existsSync(ready)) return ready;

  progress(what);
  const workshop = path.join(folder, 'template');
  mkdirSync(workshop);
  const [port = 0] = await freePorts(1);
  const log = path.join(workshop, 'postgres.log');
  // No fsync: a template that a power cut spoils is not renamed into its place.
  const postgres = await startPostgres({ table, folder: workshop, port, log, fsync: false, signal });
  try {
    await withClient(postgres.dsn('postgres'), (client) => client.query('CREATE DATABASE airflow'));
    await fill(postgres.dsn('airflow'), workshop);
    await withClient(postgres.dsn('airflow'), (client) => client.query('CREATE EXTENSION pg_stat_statements'));
    await stopPostgres(postgres.process);
  } finally {
    await table.stop(postgres.process);
  }
  rmSync(path.join(postgres.dataFolder, 'wt_log'), { recursive: true, force: true });
  await publish(postgres.dataFolder, home, ready);
  return ready;
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
      env: { ...toolEnvironment(process.env), ...settings },
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

/** A rename shows the whole template or none of it; if another run was quicker, its template is as good. */
async function publish(from: string, home: string, ready: string): Promise<void> {
  mkdirSync(home, { recursive: true });
  const next = path.join(home, `next-${process.pid}`);
  await run('cp', ['-a', from, next], { timeout: 60_000 });
  try {
    renameSync(next, ready);
  } catch (error) {
    rmSync(next, { recursive: true, force: true });
    if (!existsSync(ready)) throw error;
  }
}
