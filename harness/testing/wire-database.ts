import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import pg from 'pg';

import { type Postgres, startPostgres } from '../stacks/postgres.ts';
import { freePorts } from '../system/ports.ts';
import { ProcessTable } from '../system/process-table.ts';
import type { WireProxy } from '../wire/proxy.ts';

/** Tests only: a PostgreSQL to put a proxy in front of, with a table `kept` of numbers. */
export interface WireDatabase {
  readonly postgres: Postgres;
  /** Past the proxy: what is in the database. */
  readonly direct: pg.Client;
  /** The rows of `kept`, in order. */
  kept(): Promise<number[]>;
  through(proxy: WireProxy, application_name: string): Promise<pg.Client>;
  close(): Promise<void>;
}

export async function openWireDatabase(columns: string): Promise<WireDatabase> {
  const scratch = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  process.env.WINDTUNNEL_CACHE = scratch;
  const table = new ProcessTable(path.basename(scratch));
  const [port = 0] = await freePorts(1);
  const signal = AbortSignal.timeout(60_000);
  const postgres = await startPostgres({ table, port, log: path.join(scratch, 'log'), fsync: false, signal });
  const direct = new pg.Client({ connectionString: postgres.dsn('postgres') });
  await direct.connect();
  await direct.query(`CREATE TABLE kept (${columns})`);
  // For the tests that speak the protocol by hand: a user who needs no password.
  const access = path.join(path.dirname(postgres.dataFolder), 'pg_hba.conf');
  writeFileSync(access, `host all raw 127.0.0.1/32 trust\n${readFileSync(access, 'utf8')}`);
  await direct.query('CREATE ROLE raw LOGIN SUPERUSER');
  await direct.query('SELECT pg_reload_conf()');
  return {
    postgres,
    direct,
    async kept() {
      const { rows } = await direct.query<{ n: number }>('SELECT n FROM kept ORDER BY n');
      return rows.map(({ n }) => n);
    },
    async through(proxy, application_name) {
      const url = new URL(postgres.dsn('postgres'));
      url.port = String(proxy.port);
      const opened = new pg.Client({ connectionString: url.href, application_name });
      // A reset reaches an idle client as an event; a query under way rejects with it.
      opened.on('error', () => undefined);
      await opened.connect();
      return opened;
    },
    async close() {
      await direct.end();
      await table.close();
      delete process.env.WINDTUNNEL_CACHE;
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** The first message of a client that speaks the protocol by hand. */
export function startupMessage(parameters: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(parameters).flat();
  const body = Buffer.from(`${pairs.map((text) => `${text}\0`).join('')}\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, body]);
}
