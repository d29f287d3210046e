import { randomBytes } from 'node:crypto';

import { inject } from 'vitest';

import { withClient } from '../system/postgres-client.ts';

export interface TestDatabase {
  readonly dsn: string;
  readonly port: number;
  drop(): Promise<void>;
}

/** Tests only: a new database on the PostgreSQL of this worker, empty or with the tables of a template. */
export async function newDatabase(template = 'template1'): Promise<TestDatabase> {
  const servers = inject('postgresServers');
  const server = servers[(Number(process.env.VITEST_POOL_ID) || 1) % servers.length] ?? '';
  const name = `test_${randomBytes(4).toString('hex')}`;
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const url = new URL(server);
  url.pathname = name;
  return {
    dsn: url.href,
    port: Number(url.port),
    drop: () => withClient(server, async (client) => void (await client.query(`DROP DATABASE ${name} WITH (FORCE)`))),
  };
}
