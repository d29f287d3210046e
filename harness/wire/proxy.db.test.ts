import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Rng } from '../model/rng.ts';
import type { WireHit } from '../model/wire.ts';
import { freePorts } from '../system/ports.ts';
import { openWireDatabase, startupMessage, type WireDatabase } from '../testing/wire-database.ts';
import { openWireProxy, type WireProxy } from './proxy.ts';

let database: WireDatabase;
let proxy: WireProxy;
/** Through it. */
let client: pg.Client;
let hits: WireHit[];

beforeAll(async () => {
  database = await openWireDatabase('n int');
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

/** One transaction, as an application runs it; rejects with what the client saw. */
async function insert(n: number, by = client): Promise<void> {
  await by.query('BEGIN');
  await by.query('INSERT INTO kept VALUES ($1)', [n]);
  await by.query('COMMIT');
}

async function pidOf(by: pg.Client): Promise<number> {
  const { rows } = await by.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}

/** Server processes for connections of that name; the server needs a moment to notice that one has gone. */
async function untilServerHas(count: number, application: string): Promise<void> {
  const sql = 'SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = $1';
  for (let waited = 0; ; waited += 20) {
    const { rows } = await database.direct.query<{ n: number }>(sql, [application]);
    if (rows[0]?.n === count) return;
    if (waited > 10_000) throw new Error(`the server has ${rows[0]?.n} connections of ${application}, not ${count}`);
    await sleep(20);
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

async function took(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

test('without rules a large result, parameters, errors and the application name come through', async () => {
  const { rows } = await client.query<{ i: number; text: string }>(
    'SELECT i, repeat(md5(i::text), $2::int) AS text FROM generate_series(1, $1::int) i',
    [20_000, 20],
  );
  expect(rows).toHaveLength(20_000);
  expect(rows[19_999]).toMatchObject({ i: 20_000, text: expect.stringMatching(/^[0-9a-f]{640}$/) });
  const long = 'x'.repeat(3_000_000);
  expect((await client.query('SELECT $1::text AS long', [long])).rows[0].long).toBe(long);
  await expect(client.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
  const named = await client.query("SELECT current_setting('application_name') AS name");
  expect(named.rows[0].name).toBe('wt-api-execution-1');
  for (const n of [1, 2]) {
    const again = await client.query({ name: 'prepared', text: 'SELECT $1::int + 1 AS n', values: [n] });
    expect(again.rows).toEqual([{ n: n + 1 }]);
  }
});

test('COPY passes both ways', async () => {
  const rows = Array.from({ length: 50_000 }, (_, n) => `${n}\n`).join('');
  const answer = await copy(proxy.port, 'COPY kept FROM STDIN', rows);
  expect(answer.tags).toEqual(['COPY 50000']);
  expect((await copy(proxy.port, 'COPY (SELECT n FROM kept ORDER BY n) TO STDOUT')).data).toBe(rows);
});

test('a cancel request through the proxy ends the statement', async () => {
  const slow = client.query('SELECT pg_sleep(60)');
  const pid = Number((client as unknown as { processID: number }).processID);
  const secret = Number((client as unknown as { secretKey: number }).secretKey);
  const request = Buffer.alloc(16);
  for (const [i, value] of [16, 80877102, pid, secret].entries()) request.writeInt32BE(value, i * 4);
  await sleep(100);
  const socket = connect(proxy.port, '127.0.0.1').resume();
  const gone = closed(socket);
  socket.end(request);
  await expect(slow).rejects.toMatchObject({ code: '57014' });
  await gone;
});

test('a client that asks for encryption is refused and continues without', async () => {
  const socket = connect(proxy.port, '127.0.0.1');
  socket.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toBe('N');
  socket.write(startupMessage({ user: 'raw', database: 'postgres' }));
  const [next] = (await once(socket, 'data')) as [Buffer];
  expect(String.fromCharCode(next[0] ?? 0)).toBe('R');
  socket.destroy();
});

test('what is no PostgreSQL is sent away', async () => {
  const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
  const gone = closed(socket);
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await gone;
  await insert(1);
  expect(await kept()).toEqual([1]);
});

test('delay holds back what matches, and only that', async () => {
  const other = await through('other');
  const rule = proxy.add({ do: 'delay', statement: /^\s*INSERT INTO kept/, ms: 300, most: 1 }, note);
  const order: string[] = [];
  const inserting = took(() => insert(1)).finally(() => order.push('insert'));
  await other.query('SELECT 1').then(() => order.push('select'));
  expect(await inserting).toBeGreaterThan(290);
  expect(order).toEqual(['select', 'insert']);
  expect(rule.hits).toBe(1);
  expect(hits).toEqual([
    { pid: await pidOf(client), application: 'wt-api-execution-1', statement: 'INSERT INTO kept VALUES ($1)' },
  ]);
  await insert(2);
  expect(rule.hits).toBe(1);
  expect(await kept()).toEqual([1, 2]);
});

test('removing a delay lets go what it holds', async () => {
  const rule = proxy.add({ do: 'delay', statement: /INSERT/, ms: 60_000 });
  const inserting = insert(1);
  await sleep(100);
  expect(await kept()).toEqual([]);
  rule.remove();
  rule.remove();
  await inserting;
  expect(await kept()).toEqual([1]);
});

test('delay and cut know a prepared statement by its text, also if it was prepared before', async () => {
  const prepared = { name: 'insert-one', text: 'INSERT INTO kept VALUES ($1)' };
  await client.query({ ...prepared, values: [1] });
  const rule = proxy.add({ do: 'cut', statement: /INSERT INTO kept/ }, note);
  await expect(client.query({ ...prepared, values: [2] })).rejects.toThrow(/ECONNRESET|terminated/);
  expect(rule.hits).toBe(1);
  expect(hits[0]?.statement).toBe(prepared.text);
  expect(await kept()).toEqual([1]);
});

test('cut resets the connection instead of sending the statement, and the transaction rolls back', async () => {
  proxy.add({ do: 'cut', statement: /UPDATE kept/g }, note);
  await client.query('BEGIN');
  await client.query('INSERT INTO kept VALUES (1)');
  await expect(client.query('UPDATE kept SET n = 2')).rejects.toThrow(/ECONNRESET|terminated/);
  await untilServerHas(0, 'wt-api-execution-1');
  expect(await kept()).toEqual([]);
  expect(hits).toMatchObject([{ statement: 'UPDATE kept SET n = 2' }]);
});

test('a lost commit never happened', async () => {
  const rule = proxy.add({ do: 'lose-commit' }, note);
  await expect(insert(1)).rejects.toThrow(/ECONNRESET|terminated/);
  await untilServerHas(0, 'wt-api-execution-1');
  expect(await kept()).toEqual([]);
  expect(rule.hits).toBe(1);
  expect(hits).toMatchObject([{ statement: 'COMMIT' }]);
});

test('a COMMIT with a lost answer has happened, though the client sees the same', async () => {
  const rule = proxy.add({ do: 'lose-commit-answer' }, note);
  const pid = await pidOf(client);
  await expect(insert(1)).rejects.toThrow(/ECONNRESET|terminated/);
  expect(rule.hits).toBe(1);
  expect(hits).toEqual([{ pid, application: 'wt-api-execution-1', statement: 'COMMIT' }]);
  expect(await kept()).toEqual([1]);
});

test('a COMMIT that rolls back loses no answer, and does not use up the rule', async () => {
  const rule = proxy.add({ do: 'lose-commit-answer', most: 1 }, note);
  await client.query('BEGIN');
  await expect(client.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
  expect((await client.query('COMMIT')).command).toBe('ROLLBACK');
  expect(rule.hits).toBe(0);
  await expect(insert(1)).rejects.toThrow(/ECONNRESET|terminated/);
  expect(rule.hits).toBe(1);
});

test('having: only transactions with a matching statement are hit, and the hit names it', async () => {
  for (const loss of ['lose-commit', 'lose-commit-answer'] as const) {
    const rule = proxy.add({ do: loss, having: /UPDATE\s+kept/ }, note);
    const by = await through('wt-scheduler-1');
    await insert(1, by);
    // Outside a transaction: not of the next one.
    await by.query('UPDATE kept SET n = 2 WHERE n = 1');
    await insert(3, by);
    expect(rule.hits).toBe(0);
    await by.query('BEGIN');
    await by.query('UPDATE kept SET n = 4 WHERE n = $1', [3]);
    await expect(by.query('COMMIT')).rejects.toThrow(/ECONNRESET|terminated/);
    await untilServerHas(0, 'wt-scheduler-1');
    expect(hits.at(-1)).toMatchObject({ statement: 'UPDATE kept SET n = 4 WHERE n = $1' });
    expect(await kept()).toEqual(loss === 'lose-commit' ? [2, 3] : [2, 4]);
    rule.remove();
    await database.direct.query('TRUNCATE kept');
  }
});

test('most and isHit decide which matches are hits', async () => {
  const rng = new Rng(7, 'wire');
  const rule = proxy.add({ do: 'delay', statement: /SELECT/, ms: 0, most: 5, isHit: () => rng.chance(0.5) }, note);
  const expected = new Rng(7, 'wire');
  const drawn = Array.from({ length: 8 }, () => expected.chance(0.5)).filter(Boolean).length;
  for (let i = 0; i < 8; i++) await client.query('SELECT 1');
  expect(rule.hits).toBe(Math.min(5, drawn));
  for (let i = 0; i < 40; i++) await client.query('SELECT 1');
  expect(rule.hits).toBe(5);
});

test('latency delays every message, each way, and keeps their order', async () => {
  const rule = proxy.add({ do: 'latency', ms: 60 });
  expect(await took(() => client.query('SELECT 1'))).toBeGreaterThan(115);
  // As asyncpg does: several messages under way at once.
  const several = Buffer.concat([1, 2, 3].map((n) => message('Q', `INSERT INTO kept VALUES (${n})\0`)));
  const socket = connect(proxy.port, '127.0.0.1');
  socket.write(Buffer.concat([startupMessage({ user: 'raw', database: 'postgres' }), several, message('X', '')]));
  await closed(socket.resume());
  expect(await kept()).toEqual([1, 2, 3]);
  rule.remove();
  expect((await client.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
});

test('resetAll breaks every connection at once, and new ones work', async () => {
  const others = await Promise.all(['a', 'b', 'c'].map((name) => through(name)));
  const waiting = Promise.allSettled([client, ...others].map((one) => one.query('SELECT pg_sleep(5)')));
  await sleep(100);
  expect(proxy.resetAll()).toBe(4);
  expect((await waiting).map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
  const next = await through('next');
  await insert(1, next);
  expect(await kept()).toEqual([1]);
});

test('close ends every connection and frees the port', async () => {
  const waiting = Promise.allSettled([client.query('SELECT pg_sleep(60)')]);
  await sleep(50);
  await proxy.close();
  expect((await waiting)[0]?.status).toBe('rejected');
  expect(proxy.connections).toBe(0);
  await expect(through('late')).rejects.toThrow(/ECONNREFUSED/);
});

test('close does not wait for clients that are just leaving', async () => {
  for (let round = 0; round < 40; round++) {
    const one = await openWireProxy({ host: '127.0.0.1', port: database.postgres.port });
    const sockets = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const socket = connect(one.port, '127.0.0.1').on('error', () => undefined);
        socket.write(startupMessage({ user: 'raw', database: 'postgres' }));
        await once(socket, 'data');
        return socket.resume();
      }),
    );
    for (const socket of sockets) socket.end(message('X', ''));
    // A few turns of the event loop: the clients' ends are at different points of their way.
    for (let turn = 0; turn < round % 12; turn++) await setImmediate();
    await one.close();
    expect(one.connections).toBe(0);
  }
});

test('a client that does not read what it asked for can be reset, and its server process ends', async () => {
  const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
  socket.write(startupMessage({ user: 'raw', database: 'postgres', application_name: 'deaf' }));
  await once(socket, 'data');
  socket.pause();
  socket.write(message('Q', "SELECT repeat('x', 1000) FROM generate_series(1, 100000)\0"));
  await untilServerHas(1, 'deaf');
  await sleep(200);
  proxy.resetAll();
  await untilServerHas(0, 'deaf');
  // The server's process may be gone before the sockets here have said that they are closed.
  await expect.poll(() => proxy.connections).toBe(0);
  socket.destroy();
});

test('a server that is not there is a connection that breaks', async () => {
  const [unused = 0] = await freePorts(1);
  const deaf = await openWireProxy({ host: '127.0.0.1', port: unused });
  const late = new pg.Client({ host: '127.0.0.1', port: deaf.port, user: 'airflow', database: 'postgres' });
  late.on('error', () => undefined);
  await expect(late.connect()).rejects.toThrow(/ECONNRESET|terminated/);
  await deaf.close();
});

test('a thousand connections, ended in every way, leave no socket on either side', { timeout: 120_000 }, async () => {
  const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
  const before = sockets();
  const rule = proxy.add({ do: 'cut', statement: /SELECT 'cut'/ }, note);
  for (let round = 0; round < 50; round++) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const one = await through('many');
        if (i % 4 === 0) return expect(one.query("SELECT 'cut'")).rejects.toThrow(/ECONNRESET|terminated/);
        await one.query('SELECT 1');
        if (i % 4 === 1)
          (one as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
        else await one.end();
      }),
    );
  }
  expect(rule.hits).toBe(250);
  await untilServerHas(0, 'many');
  await sleep(100);
  expect(sockets()).toBe(before);
  expect(proxy.connections).toBe(1);
  expect(readFileSync(database.postgres.jsonLog, 'utf8')).not.toContain('PANIC');
});

/** node-postgres has no COPY of its own: the messages themselves. */
async function copy(port: number, statement: string, rows?: string): Promise<{ data: string; tags: string[] }> {
  const socket = connect(port, '127.0.0.1');
  socket.write(startupMessage({ user: 'raw', database: 'postgres' }));
  let ready = 0;
  let data = '';
  const tags: string[] = [];
  let pending = Buffer.alloc(0);
  for await (const chunk of socket) {
    pending = Buffer.concat([pending, chunk as Buffer]);
    while (pending.length >= 5 && pending.length > pending.readInt32BE(1)) {
      const type = String.fromCharCode(pending[0] ?? 0);
      const body = pending.subarray(5, 1 + pending.readInt32BE(1));
      pending = pending.subarray(1 + pending.readInt32BE(1));
      if (type === 'd') data += body.toString();
      if (type === 'C') tags.push(body.subarray(0, -1).toString());
      if (type === 'Z' && ++ready === 1) socket.write(message('Q', `${statement}\0`));
      if (type === 'Z' && ready === 2) socket.end(message('X', ''));
      if (type === 'G') for (const part of rows?.match(/[\s\S]{1,5000}/g) ?? []) socket.write(message('d', part));
      if (type === 'G') socket.write(message('c', ''));
    }
  }
  return { data, tags };
}

function message(type: string, text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}
