import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { newDatabase, type TestDatabase } from '../testing/database.ts';
import { runBriefly, type TableStatement } from './brief-locks.ts';

const HELD_MS = 2_000;

/** One without rights sees who has a lock, but not since when: it has to try, however long the lock is held. */
const role = `owner_${randomBytes(3).toString('hex')}`;
let database: TestDatabase;
let owner: pg.Client;
let holder: pg.Client;
let other: pg.Client;

beforeAll(async () => {
  database = await newDatabase();
  holder = await connected('holder');
  const url = new URL(database.dsn);
  await holder.query(`CREATE ROLE ${role} LOGIN PASSWORD '${url.password}'`);
  for (const table of ['busy', 'quiet'])
    await holder.query(`CREATE TABLE ${table} (n int); ALTER TABLE ${table} OWNER TO ${role}`);
  await holder.query(`ALTER DATABASE ${url.pathname.slice(1)} SET deadlock_timeout = '10ms'`);
  other = await connected('other');
  url.username = role;
  owner = await connected('owner', url.href);
});

afterAll(async () => {
  await Promise.all([owner, other].map((client) => client.end()));
  await holder.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  await holder.end();
  await database.drop();
});

async function connected(name: string, dsn = database.dsn): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn, application_name: name });
  await client.connect();
  return client;
}

interface Logged {
  readonly application_name?: string;
  readonly state_code?: string;
  readonly message: string;
}

/** What the server has logged of this database. */
async function logged(): Promise<Logged[]> {
  const { rows } = await holder.query<{ log: string }>(
    `SELECT pg_read_file(current_setting('log_directory') || '/postgres.json') AS log`,
  );
  const name = JSON.stringify(new URL(database.dsn).pathname.slice(1));
  const lines = (rows[0]?.log ?? '').split('\n').filter((line) => line.includes(`"dbname":${name}`));
  return lines.map((line) => JSON.parse(line) as Logged);
}

async function columns(): Promise<string[]> {
  const { rows } = await holder.query<{ name: string }>(
    `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
      WHERE table_schema = 'public' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** Of the queries that were sent while the action lasted, the longest wait for a table, as the server measured it. */
async function longestWait(action: Promise<unknown>): Promise<number> {
  const before = (await logged()).length;
  let isOver = false;
  const asking = (async () => {
    for (; !isOver; await sleep(5)) await other.query('SELECT FROM busy');
  })();
  await action.finally(() => {
    isOver = true;
  });
  await asking;
  const waits = (await logged()).slice(before).flatMap(({ application_name, message }) => {
    const [, ms] = /acquired AccessShareLock on relation .* after ([\d.]+) ms/.exec(message) ?? [];
    return application_name === 'other' && ms !== undefined ? [Number(ms)] : [];
  });
  return Math.max(0, ...waits);
}

const changed: TableStatement = {
  table: 'busy',
  sql: 'ALTER TABLE busy ADD COLUMN a int',
  excludes: 'readers too',
};

test('while others hold a table, queries behind our statement wait for short slices of that time', async () => {
  await holder.query('BEGIN; SELECT FROM busy');
  const release = sleep(HELD_MS).then(() => holder.query('COMMIT'));
  const quiet: TableStatement = { ...changed, table: 'quiet', sql: 'ALTER TABLE quiet ADD COLUMN a int' };
  let failed: ReadonlyMap<TableStatement, Error> | undefined;
  const longest = await longestWait(
    runBriefly(owner, [changed, quiet], { ms: 30_000 }).then((map) => {
      failed = map;
    }),
  );
  await release;
  expect(failed).toEqual(new Map());
  expect(longest).toBeLessThan(HELD_MS / 2);
  const tries = (await logged()).filter(({ application_name }) => application_name === 'owner');
  const codes = tries.flatMap(({ state_code }) =>
    state_code === undefined || state_code === '00000' ? [] : state_code,
  );
  // The lock, after 50 ms; the pauses between them grow, and each is longer than a third of a second.
  expect(new Set(codes)).toEqual(new Set(['55P03']));
  expect(codes.length).toBeLessThan(HELD_MS / 333);
  expect(await columns()).toEqual(['busy.a', 'busy.n', 'quiet.a', 'quiet.n']);
});

test('a statement that is slow while it has its table is ended, and what it did is taken back', async () => {
  const slow: TableStatement = {
    ...changed,
    sql: `ALTER TABLE busy ADD COLUMN b int; SELECT pg_sleep(${HELD_MS / 1000})`,
  };
  const before = await columns();
  let failed: ReadonlyMap<TableStatement, Error> | undefined;
  const longest = await longestWait(
    runBriefly(owner, [slow], { ms: 0 }).then((map) => {
      failed = map;
    }),
  );
  expect(failed?.get(slow)?.message).toBe('canceling statement due to statement timeout');
  expect(longest).toBeLessThan(HELD_MS / 2);
  expect(await columns()).toEqual(before);
});

test('a statement with a lock that keeps out neither readers nor writers waits for none of them', async () => {
  await holder.query('BEGIN; INSERT INTO busy VALUES (1)');
  const statement: TableStatement = { table: 'busy', sql: 'COMMENT ON TABLE busy IS $$x$$', excludes: 'changes' };
  try {
    expect(await runBriefly(owner, [statement], { ms: 0 })).toEqual(new Map());
  } finally {
    await holder.query('COMMIT');
  }
  expect((await holder.query(`SELECT obj_description('busy'::regclass) AS said`)).rows).toEqual([{ said: 'x' }]);
});
