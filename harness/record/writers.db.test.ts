import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { WATCHED_SCHEMA } from '../../test/schema.ts';
import { newDatabase, type TestDatabase } from '../testing/database.ts';
import { readDatabaseRights } from './database-rights.ts';
import { removalSql } from './installed.ts';
import { removeInstallations } from './removal.ts';
import { SlotReader } from './slot-reader.ts';
import { Installation } from './writers.ts';

let database: TestDatabase;
let admin: pg.Client;
const open: pg.Client[] = [];

beforeAll(async () => {
  database = await newDatabase();
  admin = await connected();
  await admin.query(WATCHED_SCHEMA);
});

afterEach(async () => {
  await Promise.all(open.splice(1).map((client) => client.end().catch(() => undefined)));
  // What a test that failed has left would fail the next ones.
  const names = (await installed()).map((name) => /windtunnel_([0-9a-f]{6})/.exec(name)?.[1] ?? '');
  if (names.length > 0) await removeInstallations(database.dsn, { ended: names });
});

afterAll(async () => {
  await admin.end();
  await database.drop();
});

async function connected(dsn = database.dsn): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn, application_name: 'a-report' });
  client.on('error', () => undefined); // One of them is ended by the server.
  await client.connect();
  open.push(client);
  return client;
}

function newRun(): string {
  return randomBytes(3).toString('hex');
}

/** All that is in the database and is not of its owner. */
async function installed(): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>(`
    SELECT 'slot ' || slot_name AS name FROM pg_replication_slots WHERE database = current_database()
    UNION ALL SELECT 'publication ' || pubname FROM pg_publication
    UNION ALL SELECT 'trigger ' || tgname || ' ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'
    ORDER BY 1`);
  return rows.map(({ name }) => name);
}

test('two runs on one database do not touch each other, and what lives is left alone', async () => {
  const [first, second] = [newRun(), newRun()];
  const [one, other] = [new Installation(database.dsn, first), new Installation(database.dsn, second)];
  await one.install();
  await other.install();
  expect((await installed()).length).toBe(20);
  expect(await other.remove()).toBeUndefined();
  const rest = await installed();
  expect(rest.length).toBe(10);
  expect(rest.filter((name) => name.includes(first))).toEqual(rest);

  const what = 'a replication slot, a publication, 7 triggers and a schema';
  expect(await removeInstallations(database.dsn)).toMatchObject([{ run: first, outcome: 'still running', what }]);
  expect(await installed()).toEqual(rest);

  await one.close();
  const [found] = await removeInstallations(database.dsn);
  expect(found).toMatchObject({ run: first, outcome: 'removed', what });
  expect(found?.from).toMatch(/^\S+ since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(await installed()).toEqual([]);
  expect(await removeInstallations(database.dsn)).toEqual([]);
});

test('what is of a database is left alone by a look at another of the same server', async () => {
  const other = await newDatabase();
  try {
    const client = await connected(other.dsn);
    await client.query(WATCHED_SCHEMA);
    const run = newRun();
    const installation = new Installation(other.dsn, run);
    await installation.install();
    await installation.close();
    expect(await removeInstallations(database.dsn, { ended: [run] })).toEqual([]);
    expect(await removeInstallations(other.dsn)).toMatchObject([
      { run, outcome: 'removed', what: 'a replication slot, a publication, 7 triggers and a schema' },
    ]);
  } finally {
    await other.drop();
  }
});

test('a lock that broke with its connection is taken again', async () => {
  const run = newRun();
  const installation = new Installation(database.dsn, run);
  await installation.install();
  const holders = () =>
    admin.query<{ pid: number }>(
      `SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database
        WHERE locktype = 'advisory' AND datname = current_database()`,
    );
  const [before] = (await holders()).rows;
  await admin.query('SELECT pg_terminate_backend($1)', [before?.pid]);
  let after = before;
  while (after === undefined || after.pid === before?.pid) [after] = (await holders()).rows;
  expect(await removeInstallations(database.dsn, { dryRun: true })).toMatchObject([{ run, outcome: 'still running' }]);
  expect(await installation.remove()).toBeUndefined();
  expect(await installed()).toEqual([]);
});

test('a reader that still has the slot is ended, and so is a lock that outlived its run', async () => {
  const run = newRun();
  const installation = new Installation(database.dsn, run);
  await installation.install();
  await installation.close();
  const { name } = installation;
  const reader = new SlotReader({
    dsn: database.dsn,
    slot: name,
    publication: name,
    onMessage: () => undefined,
    written: async () => undefined,
    onFailure: () => undefined,
  });
  await reader.start();
  expect((await admin.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [name])).rows).toEqual([
    { active: true },
  ]);
  // As clients that have vanished without a word: they are gone, and the server does not know it.
  const vanished = await connected();
  await vanished.query('SELECT pg_advisory_lock(2003398244, $1)', [Number.parseInt(run, 16)]);
  const closing = reader.close();
  expect(await removeInstallations(database.dsn, { ended: [run] })).toMatchObject([{ run, outcome: 'removed' }]);
  await closing;
  expect(await installed()).toEqual([]);
});

test('while a long transaction holds a table, no query waits for us; what stays is said, with the SQL', async () => {
  const run = newRun();
  const installation = new Installation(database.dsn, run);
  await installation.install();
  await installation.close();
  const report = await connected();
  await report.query('BEGIN; SELECT FROM task_instance');
  await sleep(400);
  const waiters: number[] = [];
  const looking = (async () => {
    for (let looks = 0; looks < 20; looks++) {
      const { rows } = await admin.query<{ n: number }>('SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted');
      waiters.push(rows[0]?.n ?? 0);
      await sleep(20);
    }
  })();
  const [found] = await removeInstallations(database.dsn, { patienceMs: 0 });
  await looking;
  expect(Math.max(...waiters)).toBe(0);
  expect(found).toMatchObject({ run, outcome: 'left' });
  expect(found?.left?.what).toMatch(
    /^a trigger and a schema \(process \d+ \(a-report, in a transaction since .*\) holds/,
  );
  expect(await installed()).toEqual([`schema windtunnel_${run}`, `trigger windtunnel_${run} task_instance`]);
  await report.query('COMMIT');
  await admin.query(removalSql(run));
  expect(await installed()).toEqual([]);
});

test('an open transaction keeps the slot from being created: the server gives up, too, and names it', async () => {
  const old = await connected();
  await old.query('BEGIN; SELECT txid_current()');
  const run = newRun();
  const installation = new Installation(database.dsn, run, { slotMs: 300 });
  await expect(installation.install()).rejects.toThrow(
    /slot could not be created within 0\.3 s, because .* open transaction: process \d+ \(a-report\)/,
  );
  expect(await installation.remove()).toBeUndefined();
  await old.query('COMMIT');
  await sleep(300);
  expect(await installed()).toEqual([]);
});

test('what a killed harness was about to create does not come later', async () => {
  const old = await connected();
  await old.query('BEGIN; SELECT txid_current()');
  const run = newRun();
  const installation = new Installation(database.dsn, run);
  const installing = installation.install().catch((error: unknown) => error);
  while (!(await installed()).includes(`slot windtunnel_${run}`)) await sleep(20);
  await installation.close();
  await installing;
  expect(await removeInstallations(database.dsn)).toMatchObject([{ run, outcome: 'removed' }]);
  await old.query('COMMIT');
  await sleep(300);
  expect(await installed()).toEqual([]);
});

test('what others have put into the schema stays', async () => {
  const run = newRun();
  const installation = new Installation(database.dsn, run);
  await installation.install();
  await admin.query(`CREATE TABLE windtunnel_${run}.precious (n int)`);
  const left = await installation.remove();
  expect(left?.what).toMatch(/^a schema \(cannot drop schema .* because other objects depend on it\)$/);
  await admin.query(`DROP TABLE windtunnel_${run}.precious`);
  expect(await removeInstallations(database.dsn)).toMatchObject([{ run, outcome: 'removed' }]);
});

test('a role that may do nothing reads everything at once, before anything is created', async () => {
  const role = `reader_${newRun()}`;
  const { password } = new URL(database.dsn);
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'; GRANT SELECT ON dag_run TO ${role}`);
  await admin.query('ALTER TABLE task_instance REPLICA IDENTITY FULL; ALTER TABLE xcom RENAME COLUMN value TO payload');
  const url = new URL(database.dsn);
  url.username = role;
  try {
    const rights = await readDatabaseRights(await connected(url.href));
    expect(
      rights.lacks.map((lack) => lack.replaceAll(role, 'ROLE').replaceAll(url.pathname.slice(1), 'DATABASE')),
    ).toEqual([
      'The role "ROLE" may not replicate: ALTER ROLE ROLE REPLICATION.',
      'The role "ROLE" may not create a schema: GRANT CREATE ON DATABASE DATABASE TO ROLE.',
      expect.stringMatching(
        /^The role "ROLE" is not a member of "airflow", who owns .*task_instance.*GRANT airflow TO ROLE\.$/,
      ),
      expect.stringMatching(/^The table task_instance has REPLICA IDENTITY FULL: while part of its columns/),
    ]);
    expect(rights.unrecorded).toContainEqual({ what: 'xcom', why: 'the table xcom has no column value' });
    expect(rights.unreadable).toEqual([
      'backfill',
      'backfill_dag_run',
      'dag_version',
      'rendered_task_instance_fields',
      'task_instance',
      'xcom',
    ]);
    expect(rights.warnings).toEqual([expect.stringContaining('max_slot_wal_keep_size is -1')]);
    expect(rights.notes).toEqual([expect.stringContaining('GRANT pg_read_all_stats TO')]);
    expect(await installed()).toEqual([]);
  } finally {
    await admin.query(
      'ALTER TABLE task_instance REPLICA IDENTITY DEFAULT; ALTER TABLE xcom RENAME COLUMN payload TO value',
    );
    await admin.query(`REVOKE ALL ON dag_run FROM ${role}; DROP ROLE ${role}`);
  }
  expect((await readDatabaseRights(admin)).lacks).toEqual([]);
});
