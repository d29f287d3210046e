import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { childEnvironment } from '../system/environment.ts';
import { cacheFolder } from '../system/installation.ts';
import { freePorts } from '../system/ports.ts';
import { findPostgres } from '../system/postgres-binaries.ts';
import { withClient } from '../system/postgres-client.ts';
import type { ProcessTable } from '../system/process-table.ts';
import { stopPostgres } from '../system/signals.ts';
import { startPostgres } from './postgres.ts';

const run = promisify(execFile);

/** What a template depends on besides its key. Raise it when the steps below change. */
const RECIPE = '2';

export interface TemplateOptions {
  readonly table: ProcessTable;
  /** A folder that goes away with the run. */
  readonly workshop: string;
  progress(text: string): void;
  readonly signal: AbortSignal;
}

export interface TemplateIdentity {
  readonly name: string;
  /** Changes with everything that changes the content of the database. */
  readonly key: string;
  /** Shown as progress while it is made. */
  readonly what: string;
}

/**
 * The data folder of a cluster with a database `airflow` that `fill` has filled: made once, then copied, because
 * filling it takes longer than everything else in a warm start.
 */
export async function databaseTemplate(
  { name, key, what }: TemplateIdentity,
  { table, workshop: folder, progress, signal }: TemplateOptions,
  fill: (dsn: string, workshop: string) => Promise<void>,
): Promise<string> {
  const { version, folder: binaries, isOwn } = findPostgres();
  // Two servers of one version need not be built alike.
  const server = isOwn ? [version, binaries] : [version];
  const hash = createHash('sha256')
    .update([RECIPE, ...server, key].join('/'))
    .digest('hex');
  const home = path.join(cacheFolder(), 'templates', `${name}-${hash.slice(0, 12)}`);
  const ready = path.join(home, 'pgdata');
  if (existsSync(ready)) return ready;

  progress(what);
  const workshop = path.join(folder, 'template');
  mkdirSync(workshop);
  const [port = 0] = await freePorts(1);
  const log = path.join(workshop, 'postgres.log');
  // No fsync: a template that a power cut spoils is not renamed into its place.
  const postgres = await startPostgres({ table, port, log, fsync: false, signal });
  try {
    await withClient(postgres.dsn('postgres'), (client) => client.query('CREATE DATABASE airflow'));
    await fill(postgres.dsn('airflow'), workshop);
    await withClient(postgres.dsn('airflow'), (client) => client.query('CREATE EXTENSION pg_stat_statements'));
    await stopPostgres(postgres.process);
  } finally {
    await table.stop(postgres.process);
  }
  rmSync(path.join(postgres.dataFolder, 'wt_log'), { recursive: true, force: true });
  await publish(postgres.dataFolder, ready, table);
  return ready;
}

/**
 * A rename publishes the whole template or nothing; if another run was quicker, its template is as good. The folder of
 * the copy is noted: that of a harness that was killed is healed.
 */
async function publish(from: string, ready: string, table: ProcessTable): Promise<void> {
  const next = path.join(table.folder(path.join(path.dirname(ready), `next-${table.id}`)), 'pgdata');
  await run('cp', ['-a', from, next], { timeout: 60_000, env: childEnvironment() });
  try {
    renameSync(next, ready);
  } catch (error) {
    if (!existsSync(ready)) throw error;
  }
}
