import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { TRACED_ROLE } from '../model/wire.ts';
import { RunClock } from '../run-folder/clock.ts';
import { openWireDatabase, type WireDatabase } from '../testing/wire-database.ts';
import { CATALOGUE, type CataloguedColumn } from '../wire/catalogue.ts';
import { openWireProxy, type WireProxy } from '../wire/proxy.ts';
import { Trace } from './trace.ts';

let database: WireDatabase;
let dsn: string;
let rows: { table: string; row: Record<string, unknown> }[];
let trace: Trace;
let proxy: WireProxy;
let client: pg.Client;
/** The DSN that leads through the proxy. */
let through: string;
const clock = new RunClock();

beforeAll(async () => {
  database = await openWireDatabase('n int PRIMARY KEY');
  dsn = database.postgres.dsn('postgres');
  await database.direct.query(`
    CREATE EXTENSION pg_stat_statements;
    CREATE TABLE xcom_v2 (id int PRIMARY KEY, task_instance_id uuid, key text);
    INSERT INTO xcom_v2 VALUES (1, '0192f0b4-6c1e-7abc-8def-0123456789ab', 'a'), (2, NULL, 'b')`);
  await database.postgres.addRole(TRACED_ROLE);
});

afterAll(() => database.close());

beforeEach(async () => {
  rows = [];
  const record = {
    append: (table: string, row: object) => void rows.push({ table, row: { ...row } }),
    flush: async () => undefined,
    behindMs: 0,
  };
  await database.direct.query('SELECT pg_stat_statements_reset()');
  trace = new Trace({ record, clock });
  const columns = async () => {
    // As on a busy machine: a client must not be faster.
    await sleep(100);
    return (await database.direct.query<CataloguedColumn>(CATALOGUE)).rows;
  };
  proxy = await openWireProxy({ host: '127.0.0.1', port: database.postgres.port, process: 'scheduler-1', columns });
  await trace.begin(new Map([['scheduler-1', proxy]]));
  const url = new URL(database.postgres.dsn('postgres', TRACED_ROLE));
  url.port = String(proxy.port);
  through = url.href;
  client = new pg.Client({ connectionString: through });
  client.on('error', () => undefined);
  await client.connect();
});

const of = (table: string) => rows.filter((one) => one.table === table).map(({ row }) => row);
/** A list of what is in some columns of each row; undefined as it is. */
const pick = (table: string, ...columns: string[]) => of(table).map((row) => columns.map((column) => row[column]));

test('each statement is a row with its place, kind, times and answer, and so is each row that it touched', async () => {
  await client.query('BEGIN');
  await client.query('SELECT * FROM xcom_v2 ORDER BY id FOR UPDATE SKIP LOCKED');
  await client.query(`UPDATE xcom_v2 SET key = 'c' WHERE id IN (1, 2, 3); INSERT INTO xcom_v2 (id) VALUES (4)`);
  await client.query('SELECT nonsense').catch(() => undefined);
  await client.query('ROLLBACK');
  await client.query('INSERT INTO xcom_v2 (id, key) VALUES ($1, $2)', [5, 'e']);
  await trace.end(dsn);
  const verbs = new Map(
    of('statement_kinds').map(({ kind, verb, target }) => [kind, `${verb} ${target ?? ''}`.trim()]),
  );
  expect(
    of('statements').map(({ n, tx, place, packet, kind, row_count, sqlstate }) => [
      n,
      tx,
      place,
      packet,
      verbs.get(Number(kind)),
      row_count,
      sqlstate,
    ]),
  ).toEqual([
    [1, 1, 0, 1, 'begin', undefined, undefined],
    [2, 1, 1, 1, 'select', 2, undefined],
    [3, 1, 2, 2, 'update xcom', 2, undefined],
    [4, 1, 3, 2, 'insert xcom', 1, undefined],
    [5, 1, 4, 1, 'select', undefined, '42703'],
    [6, 1, 5, 1, 'rollback', undefined, undefined],
    [7, 2, 0, 1, 'insert xcom', 1, undefined],
  ]);
  const ti_id = '0192f0b4-6c1e-7abc-8def-0123456789ab';
  expect(pick('accesses', 'n', 'mode', 'relation', 'id', 'ti_id', 'key')).toEqual([
    [2, 'lock', 'xcom', '1', ti_id, 'a'],
    [2, 'lock', 'xcom', '2', undefined, 'b'],
    [3, 'write', 'xcom', '1', undefined, undefined],
    [3, 'write', 'xcom', '2', undefined, undefined],
    [3, 'write', 'xcom', '3', undefined, undefined],
    [4, 'insert', 'xcom', '4', undefined, undefined],
    [7, 'insert', 'xcom', '5', undefined, 'e'],
  ]);
  for (const { sent_ms, answered_ms } of of('statements')) {
    expect(Number(answered_ms)).toBeGreaterThan(Number(sent_ms));
    expect(clock.now() - Number(sent_ms)).toBeLessThan(60_000);
  }
});

test('PostgreSQL counts as many statements as the trace has, of several connections and of each protocol', async () => {
  const others = await Promise.all(
    [1, 2, 3].map(async () => {
      const other = new pg.Client({ connectionString: through });
      await other.connect();
      return other;
    }),
  );
  await Promise.all(
    [client, ...others].map(async (one, i) => {
      for (let turn = 0; turn < 50; turn++) {
        await one.query('BEGIN');
        await one.query(`SELECT n FROM kept WHERE n = ${turn}; SELECT 1`);
        await one.query({ name: 'insert', text: 'INSERT INTO kept VALUES ($1) ON CONFLICT DO NOTHING', values: [i] });
        await one.query('SELECT 1/0').catch(() => undefined);
        await one.query('ROLLBACK');
      }
    }),
  );
  await trace.end(dsn);
  const count = 4 * 50 * 5;
  expect(of('samples').map(({ metric, value }) => [metric, value])).toEqual([
    ['statements_traced', count],
    ['statements_counted', count],
  ]);
  await Promise.all(others.map((other) => other.end()));
});

test('a statement without an answer is a row without its time, and none after the trace has ended', async () => {
  const slow = client.query('SELECT pg_sleep(60)').catch(() => 'broken');
  await sleep(100);
  proxy.resetAll();
  expect(await slow).toBe('broken');
  expect(of('statements')).toMatchObject([{ n: 1, process: 'scheduler-1' }]);
  expect(of('statements')[0]?.answered_ms).toBeUndefined();
  await trace.end(dsn);
  const late = new pg.Client({ connectionString: through });
  await late.connect();
  await late.query('SELECT 1');
  await late.end();
  expect(of('statements')).toHaveLength(1);
});

test('where PostgreSQL has forgotten what it counted, nothing is compared', async () => {
  await client.query('SELECT 1');
  await database.direct.query('SELECT pg_stat_statements_reset()');
  await trace.end(dsn);
  expect(of('samples')).toEqual([]);
  expect(of('server_log')).toMatchObject([{ message: 'it is not known whether the trace is complete' }]);
});
