import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startPostgres } from '../../harness/stacks/postgres.ts';
import { freePorts } from '../../harness/system/ports.ts';
import { withClient } from '../../harness/system/postgres-client.ts';
import { ProcessTable } from '../../harness/system/process-table.ts';

/** A real PostgreSQL with the reference stack's tables, for a test file. */
export async function testDatabase(): Promise<{ readonly dsn: string; close(): Promise<void> }> {
  const table = new ProcessTable(`test-${randomBytes(3).toString('hex')}`);
  const folder = table.folder(path.join(os.tmpdir(), `wt-${table.id}`));
  const [port = 0] = await freePorts(1);
  const log = path.join(folder, 'postgres.log');
  const signal = AbortSignal.timeout(60_000);
  const postgres = await startPostgres({ table, folder, port, log, fsync: false, signal });
  await withClient(postgres.dsn('postgres'), (client) => client.query('CREATE DATABASE airflow'));
  const dsn = postgres.dsn('airflow');
  const schema = await readFile(new URL('schema.sql', import.meta.url), 'utf8');
  await withClient(dsn, (client) => client.query(schema));
  return { dsn, close: () => table.close() };
}
