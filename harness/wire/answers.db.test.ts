import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type pg from 'pg';
import { serialize } from 'pg-protocol';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { WireHit } from '../model/wire.ts';
import { openWireDatabase, startupMessage, type WireDatabase } from '../testing/wire-database.ts';
import { openWireProxy, type WireProxy } from './proxy.ts';

const DEADLOCK = { sqlstate: '40P01', message: 'deadlock detected', detail: 'of a test' };
let database: WireDatabase;
let proxy: WireProxy;
/** Through it. */
let client: pg.Client;
let hits: WireHit[];

beforeAll(async () => {
  database = await openWireDatabase('n int, UNIQUE (n) DEFERRABLE INITIALLY DEFERRED');
});

afterAll(() => database.close());

beforeEach(async () => {
  hits = [];
  await database.direct.query('TRUNCATE kept');
  proxy = await openWireProxy({ host: '127.0.0.1', port: database.postgres.port });
  client = await through('wt-api-execution-1');
});

afterEach(() => proxy.close());

const kept = () => database.kept();
const through = (application: string) => database.through(proxy, application);
const note = (hit: WireHit) => void hits.push(hit);

const query = (text: string) => serialize.query(text);
/** As asyncpg and psycopg 3 send it: parsed, bound and executed without waiting, up to a Sync. */
const executed = (text: string) =>
  Buffer.concat([
    serialize.parse({ text }),
    serialize.bind({}),
    serialize.describe({ type: 'P' }),
    serialize.execute({}),
  ]);
const pipelined = (...texts: readonly string[]) => Buffer.concat([...texts.map(executed), serialize.sync()]);

/** What a server says to each of these, all sent at once or one after the other: `E 40P01`, `Z T`, else the letter. */
async function conversation(port: number, sent: readonly Buffer[], at: 'once' | 'turns'): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  socket.write(startupMessage({ user: 'raw', database: 'postgres', application_name: 'raw' }));
  const said: string[] = [];
  let pending = Buffer.alloc(0);
  const waiting = at === 'once' ? [Buffer.concat([...sent, serialize.end()])] : [...sent, serialize.end()];
  let begun = false;
  for await (const chunk of socket) {
    pending = Buffer.concat([pending, chunk as Buffer]);
    while (pending.length >= 5 && pending.length > pending.readInt32BE(1)) {
      const type = String.fromCharCode(pending[0] ?? 0);
      const body = pending.subarray(5, 1 + pending.readInt32BE(1)).toString('latin1');
      pending = pending.subarray(1 + pending.readInt32BE(1));
      if (begun && type === 'E') said.push(`E ${/\0C(\w{5})\0/.exec(body)?.[1]}`);
      else if (begun && type === 'Z') said.push(`Z ${body}`);
      else if (begun && type === 'C') said.push(`C ${body.slice(0, -1)}`);
      else if (begun && 'KSN'.includes(type) === false) said.push(type);
      if (type === 'Z') begun = true;
      if (type === 'Z' && waiting.length > 0) socket.write(waiting.shift() ?? '');
    }
  }
  return said;
}

/** Where the statement fails, a real one fails, too: what the server says of it but for the SQLSTATE, is the same. */
const FAILING = 'UPDATE kept SET n = 1/(n - n)';
const SEQUENCES: Readonly<Record<string, (failing: string) => Buffer[]>> = {
  'outside a transaction': (failing) => [query(failing), query('SELECT 1')],
  'in a transaction, which is over then': (failing) => [
    query('BEGIN'),
    query('INSERT INTO kept VALUES (8)'),
    query(failing),
    query('SELECT 1'),
    query('COMMIT'),
    query('SELECT n FROM kept'),
  ],
  'back to a savepoint': (failing) => [
    query('BEGIN'),
    query('INSERT INTO kept VALUES (8)'),
    query('SAVEPOINT before'),
    query(failing),
    query('ROLLBACK TO SAVEPOINT before'),
    query('COMMIT'),
  ],
  'in the extended protocol': (failing) => [pipelined('BEGIN'), pipelined(failing), pipelined('ROLLBACK')],
  'among others that were sent with it': (failing) => [
    pipelined('INSERT INTO kept VALUES (8)', failing, 'INSERT INTO kept VALUES (9)'),
    query('SELECT n FROM kept'),
  ],
  'in a transaction that has failed': (failing) => [
    query('BEGIN'),
    query('SELECT nonsense'),
    query(failing),
    pipelined(failing),
    query('ROLLBACK'),
  ],
  'behind an error of the same pipeline': (failing) => [pipelined('SELECT nonsense', failing), query('SELECT 1')],
  'a statement that it cannot read before it': (failing) => [query('BEGIN'), query('nonsense'), query(failing)],
};

for (const at of ['turns', 'once'] as const) {
  test.each(Object.entries(SEQUENCES))(
    `a client that is answered sees what a failed statement brings, %s (${at})`,
    async (_, sequence) => {
      await database.direct.query('INSERT INTO kept VALUES (1)');
      const real = await conversation(database.postgres.port, sequence(FAILING), at);
      const left = await kept();
      await database.direct.query('TRUNCATE kept');
      await database.direct.query('INSERT INTO kept VALUES (1)');
      proxy.add({ do: 'answer', statement: /n = 5/, error: DEADLOCK });
      const answered = await conversation(proxy.port, sequence('UPDATE kept SET n = 5'), at);
      expect(answered.map((said) => said.replace('40P01', '22012'))).toEqual(real);
      expect(await kept()).toEqual(left);
    },
  );
}

test.each([
  ['as a query', query('COMMIT')],
  ['in the extended protocol', pipelined('COMMIT')],
])('a COMMIT that is answered %s has rolled back, as one that fails', async (_, commit) => {
  const begun = (value: number) => [query('BEGIN'), query(`INSERT INTO kept VALUES (${value})`), commit];
  await database.direct.query('INSERT INTO kept VALUES (1)');
  for (const at of ['turns', 'once'] as const) {
    // A constraint that is looked at only then.
    const real = await conversation(database.postgres.port, [...begun(1), query('SELECT 1')], at);
    const rule = proxy.add({ do: 'answer', statement: /^COMMIT/, error: DEADLOCK, most: 1 }, note);
    const answered = await conversation(proxy.port, [...begun(2), query('SELECT 1')], at);
    // Sent before BEGIN was answered, it may be a COMMIT that cannot fail: it is left alone.
    if (at === 'turns') expect(answered.map((said) => said.replace('40P01', '23505'))).toEqual(real);
    else expect(rule.hits).toBe(0);
    expect(await kept()).toEqual(at === 'turns' ? [1] : [1, 2]);
    rule.remove();
  }
  expect(hits).toMatchObject([{ statement: 'COMMIT', application: 'raw' }]);
});

test('a COMMIT outside a transaction, one of a failed transaction and a ROLLBACK are not answered', async () => {
  const rule = proxy.add({ do: 'answer', statement: /COMMIT|ROLLBACK/, error: DEADLOCK }, note);
  await client.query('COMMIT');
  await client.query('BEGIN');
  await expect(client.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
  expect((await client.query('COMMIT')).command).toBe('ROLLBACK');
  await client.query('BEGIN');
  await client.query('ROLLBACK');
  expect(rule.hits).toBe(0);
});

test('the client gets the whole error, and the locks are free before it rolls back', async () => {
  await database.direct.query('INSERT INTO kept VALUES (1)');
  proxy.add({ do: 'answer', statement: /n = 2/, error: DEADLOCK, most: 1 }, note);
  const pid = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
  await client.query('BEGIN');
  await client.query('SELECT n FROM kept FOR UPDATE');
  const failed = client.query('UPDATE kept SET n = 2 WHERE n = $1', [1]);
  await expect(failed).rejects.toMatchObject({ code: '40P01', severity: 'ERROR', message: 'deadlock detected' });
  await expect(failed).rejects.toMatchObject({ detail: 'of a test' });
  await database.direct.query("SET lock_timeout = '2s'; UPDATE kept SET n = 3");
  await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
  await client.query('ROLLBACK');
  expect(hits).toEqual([{ pid, application: 'wt-api-execution-1', statement: 'UPDATE kept SET n = 2 WHERE n = $1' }]);
  await client.query('UPDATE kept SET n = 2');
  expect(await kept()).toEqual([2]);
});

test('having: a COMMIT is answered if its transaction did that, and the hit names it', async () => {
  proxy.add({ do: 'answer', statement: /^COMMIT/, having: /DELETE FROM kept/, error: DEADLOCK }, note);
  await client.query('BEGIN');
  await client.query('INSERT INTO kept VALUES (1)');
  await client.query('COMMIT');
  await client.query('BEGIN');
  await client.query('DELETE FROM kept WHERE n = 1');
  await expect(client.query('COMMIT')).rejects.toMatchObject({ code: '40P01' });
  expect(await kept()).toEqual([1]);
  expect(hits).toMatchObject([{ statement: 'DELETE FROM kept WHERE n = 1' }]);
});

test('what did not come to be answered does not count against most', async () => {
  const rule = proxy.add({ do: 'answer', statement: /SELECT 5/, error: DEADLOCK, most: 1 });
  await client.query('BEGIN');
  await expect(client.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
  await expect(client.query('SELECT 5')).rejects.toMatchObject({ code: '25P02' });
  await client.query('ROLLBACK');
  expect(rule.hits).toBe(0);
  await expect(client.query('SELECT 5')).rejects.toMatchObject({ code: '40P01' });
  expect((await client.query('SELECT 5 AS n')).rows).toEqual([{ n: 5 }]);
});

test('a session is refused as by a server that is full, and the next one is not', async () => {
  const full = { sqlstate: '53300', message: 'sorry, too many clients already', detail: 'of a test' };
  const rule = proxy.add({ do: 'refuse', error: full, most: 1 }, note);
  await expect(through('refused')).rejects.toMatchObject({ code: '53300', severity: 'FATAL' });
  const next = await through('next');
  expect((await next.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  expect(rule.hits).toBe(1);
  expect(hits).toEqual([{ pid: 0, application: 'refused', statement: '' }]);
});

test('resetIdle leaves what is in a transaction or at work', async () => {
  const [begun, failed, busy] = await Promise.all(['begun', 'failed', 'busy'].map(through));
  await begun?.query('BEGIN');
  await failed?.query('BEGIN');
  await failed?.query('nonsense').catch(() => undefined);
  const working = busy?.query("SELECT pg_sleep(0.5), 'done' AS said");
  // Until the query is on its way.
  await client.query('SELECT 1');
  expect(proxy.resetIdle()).toBe(1);
  await expect(client.query('SELECT 1')).rejects.toThrow();
  expect((await begun?.query('COMMIT'))?.command).toBe('COMMIT');
  expect((await failed?.query('COMMIT'))?.command).toBe('ROLLBACK');
  expect((await working)?.rows).toMatchObject([{ said: 'done' }]);
});

test('PostgreSQL itself logs no deadlock, but what it was made to fail for', async () => {
  proxy.add({ do: 'answer', statement: /SELECT 5/, error: DEADLOCK });
  await expect(client.query('SELECT 5')).rejects.toMatchObject({ code: '40P01' });
  const lines = readFileSync(database.postgres.jsonLog, 'utf8');
  expect(lines).not.toContain('40P01');
  expect(lines).toContain('prepared statement \\"answered by windtunnel\\" does not exist');
});
