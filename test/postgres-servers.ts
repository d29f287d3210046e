import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { TestProject } from 'vitest/node';

import { startPostgres } from '../harness/stacks/postgres.ts';
import { freePorts } from '../harness/system/ports.ts';
import { withClient } from '../harness/system/postgres-client.ts';
import { ProcessTable } from '../harness/system/process-table.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A server for each worker of the lane: the connection string of its database `postgres`. */
    postgresServers: readonly string[];
  }
}

/** Of the reference stack's tables, on each server. */
export const REFERENCE_TEMPLATE = 'reference_template';

/**
 * The global set-up of the lane `db`. A test file has databases of its own on its worker's server: testing/database.ts.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const table = new ProcessTable(`test-${randomBytes(3).toString('hex')}`);
  const folder = table.folder(path.join(tmpdir(), `wt-${table.id}`));
  const schema = await readFile(path.join(import.meta.dirname, '../reference/database/schema.sql'), 'utf8');
  const ports = await freePorts(Number(project.vitest.config.maxWorkers) || 2);
  const servers = await Promise.all(
    ports.map(async (port) => {
      const log = path.join(folder, `${port}.log`);
      const signal = AbortSignal.timeout(60_000);
      const server = await startPostgres({ table, port, log, fsync: false, signal });
      await withClient(server.dsn('postgres'), (client) => client.query(`CREATE DATABASE ${REFERENCE_TEMPLATE}`));
      await withClient(server.dsn(REFERENCE_TEMPLATE), (client) => client.query(schema));
      return server.dsn('postgres');
    }),
  );
  project.provide('postgresServers', servers);
  return () => table.close();
}
