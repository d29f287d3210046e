import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { POSTGRES_SETTINGS, type Postgres, startPostgres } from '../../stacks/postgres.ts';
import { freePorts } from '../../system/ports.ts';
import { withClient } from '../../system/postgres-client.ts';
import { ProcessTable } from '../../system/process-table.ts';
import type { Site } from '../fault.ts';
import { exhaustConnections } from './exhaust-connections.ts';

const RESERVED = { superuser_reserved_connections: '3', reserved_connections: '2' };
const PLANNED = { fault: exhaustConnections.name, at_ms: 0, for_ms: 1_000 };

let table: ProcessTable;
let postgres: Postgres;

beforeAll(async () => {
  table = new ProcessTable(`exhaust-${randomBytes(3).toString('hex')}`);
  const folder = table.folder(path.join(tmpdir(), `wt-${table.id}`));
  const [port = 0] = await freePorts(1);
  const settings = { ...POSTGRES_SETTINGS, max_connections: '25', ...RESERVED };
  const signal = AbortSignal.timeout(60_000);
  postgres = await startPostgres({ table, port, log: path.join(folder, 'log'), settings, fsync: false, signal });
});
afterAll(() => table.close());

/** As a role that monitoring has: no superuser, but one that may use what is reserved. */
async function asMonitor(): Promise<string> {
  const url = new URL(postgres.dsn('postgres'));
  url.username = 'monitor';
  return withClient(url.href, async (client) => (await client.query('SELECT current_user AS name')).rows[0].name);
}

test('on a target, what is reserved for its administrators and its monitoring is left to them', async () => {
  const { password } = new URL(postgres.dsn('postgres'));
  await withClient(postgres.dsn('postgres'), (client) =>
    client.query(`CREATE ROLE monitor LOGIN PASSWORD '${password}'; GRANT pg_use_reserved_connections TO monitor`),
  );
  const stack = { dsn: postgres.dsn('postgres'), outlivesRun: true };
  const heal = await exhaustConnections.inject({ stack } as Site, { ...PLANNED, victim: 'postgres', with: {} });
  try {
    expect(await asMonitor()).toBe('monitor');
  } finally {
    expect(await heal()).toMatch(/^(1[5-9]|20) connections were taken$/);
  }
});
