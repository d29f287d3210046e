import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { serialize } from 'pg-protocol';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Held, Seen } from '../model/seen.ts';
import type { HoldRule, WireRuleHandle } from '../model/wire.ts';
import { openWireDatabase, startupMessage, type WireDatabase } from '../testing/wire-database.ts';
import { CATALOGUE, type CataloguedColumn } from './catalogue.ts';
import { Frames } from './frames.ts';
import { openWireProxy, type WireProxy } from './proxy.ts';

let database: WireDatabase;
let proxy: WireProxy;
let client: pg.Client;

beforeAll(async () => {
  database = await openWireDatabase('n int');
  await database.direct.query(`
    CREATE TABLE dag_run (id int PRIMARY KEY, dag_id text, run_id text, state text);
    CREATE TABLE task_instance (id uuid PRIMARY KEY, dag_id text, run_id text, task_id text, state text)`);
});

afterAll(() => database.close());

beforeEach(async () => {
  await database.direct.query('TRUNCATE kept, dag_run, task_instance');
  await database.direct.query(`INSERT INTO dag_run VALUES (1, 'd', 'r1', 'queued'), (2, 'd', 'r2', 'running')`);
  const columns = async () => (await database.direct.query<CataloguedColumn>(CATALOGUE)).rows;
  proxy = await openWireProxy({ host: '127.0.0.1', port: database.postgres.port, process: 'scheduler-1', columns });
  client = await database.through(proxy, 'wt-scheduler-1');
});

afterEach(() => proxy.close());

/** Adds a hold for one connection, and waits for it. */
function hold(
  at: HoldRule['at'],
  matches: (seen: Seen) => boolean,
  more: Partial<HoldRule> = {},
): { readonly held: Promise<Held>; readonly rule: WireRuleHandle } {
  let rule: WireRuleHandle | undefined;
  const held = new Promise<Held>((resolve) => {
    rule = proxy.add({ do: 'hold', at, matches, most: 1, onHeld: resolve, ...more });
  });
  if (!rule) throw new Error('no rule');
  return { held, rule };
}

const isInsert = ({ kind }: Seen) => kind.verb === 'insert' && kind.target === 'kept';

async function stateOf(action: Promise<unknown>): Promise<'done' | 'open'> {
  return Promise.race([action.then(() => 'done' as const), sleep(150).then(() => 'open' as const)]);
}

test('a statement that is held has not been sent; one that is released is carried out', async () => {
  const { held } = hold('before', isInsert);
  const inserting = client.query('INSERT INTO kept VALUES (1)');
  const { seen, release, ended, pid } = await held;
  expect(await stateOf(inserting)).toBe('open');
  expect(await database.kept()).toEqual([]);
  expect(seen).toMatchObject({ process: 'scheduler-1', application: 'wt-scheduler-1', answer: undefined });
  expect(pid).toBe(Number((client as unknown as { processID: number }).processID));
  release();
  release();
  await inserting;
  expect(await ended).toBe('released');
  expect(await database.kept()).toEqual([1]);
});

test('an answer that is held is that of a statement which has been carried out', async () => {
  const { held } = hold('after', isInsert);
  const inserting = client.query('INSERT INTO kept VALUES (1)');
  const { seen, release } = await held;
  expect(await stateOf(inserting)).toBe('open');
  expect(await database.kept()).toEqual([1]);
  expect(seen.answer).toEqual({ rows: 1, keys: [] });
  release();
  expect((await inserting).rowCount).toBe(1);
});

test('two rules that match hold one statement each, and one connection is let go without the other', async () => {
  const other = await database.through(proxy, 'other');
  const [one, two] = [hold('before', isInsert), hold('before', isInsert)];
  const first = client.query('INSERT INTO kept VALUES (1)');
  const heldFirst = await one.held;
  const second = other.query('INSERT INTO kept VALUES (2)');
  const heldSecond = await two.held;
  expect(heldSecond.pid).not.toBe(heldFirst.pid);
  heldSecond.release();
  await second;
  expect(await stateOf(first)).toBe('open');
  expect(await database.kept()).toEqual([2]);
  heldFirst.release();
  await first;
});

test.each(['before', 'after'] as const)(
  'what is held %s ends with its rule, its deadline and its proxy',
  async (at) => {
    const removed = hold(at, isInsert);
    const first = client.query('INSERT INTO kept VALUES (1)');
    const { ended } = await removed.held;
    removed.rule.remove();
    expect(await ended).toBe('removed');
    await first;
    const late = hold(at, isInsert, { deadlineMs: 50 });
    const second = client.query('INSERT INTO kept VALUES (2)');
    expect(await (await late.held).ended).toBe('deadline');
    await second;
    const left = hold(at, isInsert);
    const third = client.query('INSERT INTO kept VALUES (3)');
    const held = await left.held;
    proxy.letGo();
    expect(await held.ended).toBe('removed');
    await third;
    const last = hold(at, isInsert);
    const fourth = client.query('INSERT INTO kept VALUES (4)').catch(() => 'broken');
    const closing = await last.held;
    await proxy.close();
    expect(await closing.ended).toBe('gone');
    expect(await fourth).toBe('broken');
  },
);

test.each(['before', 'after'] as const)('a client that goes while it is held %s leaves nothing behind', async (at) => {
  const { held } = hold(at, isInsert);
  client.query('INSERT INTO kept VALUES (1)').catch(() => undefined);
  const { ended, release } = await held;
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  expect(await ended).toBe('gone');
  release();
  await untilGone('wt-scheduler-1');
  await vi.waitFor(() => expect(proxy.connections).toBe(0));
});

test('a harness that is killed while it holds a statement leaves no server process, lock or change', async () => {
  const here = import.meta.dirname;
  const holder = spawn(
    process.execPath,
    ['--import', path.join(here, '../../bin/typescript.mjs'), '--input-type=module', '-e', HOLDER],
    {
      cwd: here,
      env: { ...process.env, UPSTREAM: String(database.postgres.port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const said = holder.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
  const { value: port } = await said.next();
  const url = new URL(database.postgres.dsn('postgres'));
  url.port = String(port).trim();
  const held = new pg.Client({ connectionString: url.href, application_name: 'killed' });
  held.on('error', () => undefined);
  await held.connect();
  await held.query('BEGIN');
  await held.query('SELECT id FROM dag_run WHERE id = 1 FOR UPDATE');
  const inserting = held.query('INSERT INTO kept VALUES (1)').catch(() => 'broken');
  expect((await said.next()).value).toContain('held');
  holder.kill('SIGKILL');
  expect(await inserting).toBe('broken');
  await untilGone('killed');
  await database.direct.query('SELECT id FROM dag_run WHERE id = 1 FOR UPDATE NOWAIT');
  expect(await database.kept()).toEqual([]);
});

/** A process that opens a proxy, says its port, and then that it holds an INSERT. */
const HOLDER = `
  import { openWireProxy } from './proxy.ts';
  const proxy = await openWireProxy({ host: '127.0.0.1', port: Number(process.env.UPSTREAM) });
  const onHeld = () => console.log('held');
  proxy.add({ do: 'hold', at: 'before', matches: ({ kind }) => kind.verb === 'insert', most: 1, onHeld });
  console.log(proxy.port);`;

test.each(['before', 'after'] as const)('a server process that ends while it is held %s is noticed', async (at) => {
  const { held } = hold(at, isInsert);
  const inserting = client.query('INSERT INTO kept VALUES (1)').catch(() => 'broken');
  const { ended, pid } = await held;
  await database.direct.query('SELECT pg_terminate_backend($1)', [pid]);
  expect(await ended).toBe('gone');
  // What had been answered still arrives.
  expect(await inserting).toEqual(at === 'before' ? 'broken' : expect.objectContaining({ rowCount: 1 }));
});

test('whether a row is among those that were read is known when the answer is held', async () => {
  await proxy.watch(() => undefined);
  const { held } = hold('after', ({ touches }) =>
    touches.some(({ mode, row }) => mode === 'lock' && row.columns.run_id === 'r2'),
  );
  await client.query('BEGIN');
  await client.query('SELECT * FROM dag_run WHERE id = 1 FOR UPDATE');
  const reading = client.query('SELECT * FROM dag_run ORDER BY id FOR NO KEY UPDATE SKIP LOCKED');
  const { seen, release } = await held;
  expect(seen).toMatchObject({ place: 2, tx: 1, packet: 1 });
  expect(seen.before.map(({ text }) => text)).toEqual(['SELECT * FROM dag_run WHERE id = 1 FOR UPDATE']);
  expect(seen.touches.map(({ row }) => row.columns)).toEqual([
    { id: '1', dag_id: 'd', run_id: 'r1' },
    { id: '2', dag_id: 'd', run_id: 'r2' },
  ]);
  expect(seen.kind).toMatchObject({ locks: ['dag_run'], lockMode: 'no key update', waits: 'skip locked' });
  release();
  expect((await reading).rowCount).toBe(2);
  await client.query('COMMIT');
});

test('statements of one message are seen apart and held together', async () => {
  const { held } = hold('before', ({ text }) => text.includes('(2)'));
  const inserting = client.query('INSERT INTO kept VALUES (1); INSERT INTO kept VALUES (2)');
  const { seen, release } = await held;
  expect(seen).toMatchObject({ packet: 2, text: 'INSERT INTO kept VALUES (2)' });
  expect(await database.kept()).toEqual([]);
  release();
  await inserting;
  expect(await database.kept()).toEqual([1, 2]);
});

test('parameters are read, as text and as bytes, and so are the keys of what they find', async () => {
  const id = '0192f0b4-6c1e-7abc-8def-0123456789ab';
  await database.direct.query("INSERT INTO task_instance VALUES ($1, 'd', 'r1', 't', 'queued')", [id]);
  const seen: Seen[] = [];
  await proxy.watch((one) => void seen.push(one));
  const text = 'SELECT id, state FROM task_instance WHERE id = $1::uuid AND dag_id = $2 FOR UPDATE';
  await client.query(text, [id, 'd']);
  // As asyncpg sends it: prepared and described once, then every value in the binary format.
  const bytes = [Buffer.from(id.replaceAll('-', ''), 'hex'), Buffer.from('d')];
  await spoken([
    Buffer.concat([
      serialize.parse({ name: 'p', text }),
      serialize.describe({ type: 'S', name: 'p' }),
      serialize.sync(),
    ]),
    Buffer.concat([
      serialize.bind({ statement: 'p', values: bytes, binary: true }),
      serialize.execute({}),
      serialize.sync(),
    ]),
  ]);
  expect(seen.map(({ conditions }) => conditions.map(({ column, values }) => `${column} ${values}`))).toEqual([
    [`id ${id}`, 'dag_id d'],
    [`id ${id}`, 'dag_id d'],
  ]);
  const touch = { mode: 'lock', row: { relation: 'task_instance', columns: { id } } };
  expect(seen.map(({ touches }) => touches)).toEqual([[touch], [touch]]);
});

/** Says each of these to the server when it is ready, or waits for rows, and ends. */
async function spoken(sent: readonly Buffer[]): Promise<void> {
  const socket = connect(proxy.port, '127.0.0.1');
  socket.write(startupMessage({ user: 'raw', database: 'postgres', application_name: 'raw' }));
  const waiting = [...sent, serialize.end()];
  const frames = new Frames('ZG');
  for await (const chunk of socket) {
    for (const _ of frames.push(chunk as Buffer).messages) socket.write(waiting.shift() ?? serialize.end());
  }
  expect(waiting).toEqual([]);
}

test('what failed and what was rolled back to a savepoint is not among what a transaction has done', async () => {
  const seen: Seen[] = [];
  await proxy.watch((one) => void seen.push(one));
  await client.query('BEGIN');
  await client.query('INSERT INTO kept VALUES (1)');
  await client.query('SAVEPOINT one');
  await client.query('INSERT INTO kept VALUES (2)');
  await client.query('SELECT nonsense').catch(() => undefined);
  await client.query('ROLLBACK TO SAVEPOINT one');
  await client.query('INSERT INTO kept VALUES (3)');
  await client.query('COMMIT');
  await client.query('SELECT 1');
  expect(seen.find(({ text }) => text === 'SELECT nonsense')?.answer).toEqual({ sqlstate: '42703', keys: [] });
  expect(seen.find(({ kind }) => kind.verb === 'commit')?.before.map(({ text }) => text)).toEqual([
    'INSERT INTO kept VALUES (1)',
    'INSERT INTO kept VALUES (3)',
  ]);
  expect(seen.at(-1)).toMatchObject({ tx: 2, place: 0, before: [] });
});

test('an answer of more than is kept, and COPY, pass while a rule waits for answers', async () => {
  const asked: string[] = [];
  hold('after', ({ text }) => asked.push(text) === 0);
  const { rows } = await client.query("SELECT repeat('x', 1000) AS text FROM generate_series(1, 30000)");
  expect(rows).toHaveLength(30_000);
  await spoken([
    serialize.query('COPY kept FROM STDIN'),
    Buffer.concat([serialize.copyData(Buffer.from('7\n')), serialize.copyDone()]),
  ]);
  expect(await database.kept()).toEqual([7]);
  await client.query('SELECT 1');
  expect(asked).toEqual(['SELECT 1']);
});

test('two that are released in one turn go together', async () => {
  const other = await database.through(proxy, 'other');
  const [one, two] = [hold('before', isInsert), hold('before', isInsert)];
  const both = [client.query('INSERT INTO kept VALUES (1)'), other.query('INSERT INTO kept VALUES (2)')];
  const held = await Promise.all([one.held, two.held]);
  for (const { release } of held) release();
  await Promise.all(both);
  expect(await database.kept()).toEqual([1, 2]);
});

async function untilGone(application: string): Promise<void> {
  const sql = 'SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = $1';
  for (let waited = 0; ; waited += 20) {
    const { rows } = await database.direct.query<{ n: number }>(sql, [application]);
    if (rows[0]?.n === 0) return;
    if (waited > 10_000) throw new Error(`the server still has ${rows[0]?.n} connections of ${application}`);
    await sleep(20);
  }
}
