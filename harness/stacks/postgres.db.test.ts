import { execFileSync } from 'node:child_process';
import { cpSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { NO_OTHER_SERVER, otherServers } from '../../test/other-postgres.ts';
import { StackError } from '../model/errors.ts';
import { freePorts } from '../system/ports.ts';
import { binaryFolder, nativeFolder } from '../system/postgres-binaries.ts';
import { withClient } from '../system/postgres-client.ts';
import { ProcessTable } from '../system/process-table.ts';
import { stopPostgres } from '../system/signals.ts';
import { startPostgres } from './postgres.ts';

let cache: string;
let table: ProcessTable;
let folder: string;

beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  process.env.WINDTUNNEL_CACHE = cache;
  table = new ProcessTable(`postgres-test-${process.pid}`);
  folder = table.folder(path.join(tmpdir(), `wt-postgres-test-${process.pid}`));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await table.close();
  delete process.env.WINDTUNNEL_CACHE;
  rmSync(cache, { recursive: true, force: true });
});

function start(port: number, template?: string) {
  const signal = AbortSignal.timeout(60_000);
  const options = { table, port, log: path.join(cache, 'log'), fsync: false, signal };
  return startPostgres(template === undefined ? options : { ...options, template });
}

/** The shared memory of one server, of the old kind and of the new: other tests have servers of their own. */
function sharedMemoryOf(pid: number): string[] {
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8');
  return [
    ...systemSegments().flatMap(({ id, creator }) => (creator === pid ? [id] : [])),
    ...new Set([...maps.matchAll(/\/dev\/shm\/(PostgreSQL\.\d+)/g)].map(([, name = '']) => name)),
  ];
}

function sharedMemory(): string[] {
  return [...systemSegments().map(({ id }) => id), ...readdirSync('/dev/shm')];
}

/** `/proc/sysvipc/shm` has a line of titles, then key, id, permissions, size, and who made it. */
function systemSegments(): { id: string; creator: number }[] {
  const [, ...lines] = readFileSync('/proc/sysvipc/shm', 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [, id = '', , , creator] = line.trim().split(/\s+/);
    return { id, creator: Number(creator) };
  });
}

const OTHER = otherServers();
if (OTHER.length === 0) console.warn(NO_OTHER_SERVER);

test.each(['', ...OTHER])(
  'a server starts, logs as JSON, and leaves no shared memory at its end: %s',
  async (server) => {
    vi.stubEnv('WINDTUNNEL_POSTGRES', server);
    const [port = 0] = await freePorts(1);
    const postgres = await start(port);
    await expect(withClient(postgres.dsn('postgres'), (client) => client.query('SELECT nonsense'))).rejects.toThrow();
    const settings = await withClient(postgres.dsn('postgres'), async (client) => {
      const { rows } = await client.query<{ name: string; setting: string }>('SELECT name, setting FROM pg_settings');
      return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
    });
    expect(settings).toMatchObject({ wal_level: 'logical', log_lock_waits: 'on', deadlock_timeout: '300' });
    expect(settings.listen_addresses).toBe('127.0.0.1');
    expect(settings.server_version?.split(' ')[0]).toBe(postgres.version);
    if (server !== '') expect(postgres.version).toMatch(new RegExp(`^${path.basename(server)}\\.`));
    expect(readFileSync(postgres.jsonLog, 'utf8')).toContain('nonsense');
    const used = process.platform === 'linux' ? sharedMemoryOf(postgres.process.pid) : [];
    if (process.platform === 'linux') expect(used.length).toBeGreaterThan(0);
    await table.close();
    if (process.platform === 'linux') expect(sharedMemory().filter((one) => used.includes(one))).toEqual([]);
  },
);

/** The first message of a server to `airflow`: `R` and how to prove who one is (0: no need, 10: SASL), or why not. */
const WHO_ARE_YOU = `
  const [where] = process.argv.slice(1);
  const text = ['user', 'airflow', 'database', 'postgres', '', ''].join('\\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + Buffer.byteLength(text), 0);
  head.writeInt32BE(196608, 4);
  const place = /^[0-9]+$/.test(where) ? { host: '127.0.0.1', port: Number(where) } : { path: where };
  const socket = require('node:net').connect(place);
  socket.on('error', (error) => console.log(error.code));
  socket.on('connect', () => socket.write(Buffer.concat([head, Buffer.from(text)])));
  socket.on('data', (data) => (console.log(String.fromCharCode(data[0]), data.readInt32BE(5)), socket.destroy()));
`;

test('no other user of the machine gets into a server, and its environment has no secret', async () => {
  const [port = 0] = await freePorts(1);
  process.env.WINDTUNNEL_TEST_SECRET = 'of the CI job';
  const postgres = await start(port).finally(() => delete process.env.WINDTUNNEL_TEST_SECRET);
  const home = path.dirname(postgres.dataFolder);
  const socket = path.join(home, `.s.PGSQL.${port}`);
  const ask = (where: string, as: { uid?: number } = {}) =>
    execFileSync(process.execPath, ['-e', WHO_ARE_YOU, where], { ...as, cwd: '/', encoding: 'utf8' }).trim();
  expect(ask(String(port))).toBe('R 10');
  // As us, so that what comes below is not because there is no socket.
  expect(ask(socket)).toBe('R 0');
  expect(statSync(home).mode & 0o077).toBe(0);

  const password = new URL(postgres.dsn('postgres')).password;
  expect(password).toMatch(/^[0-9a-f]{48}$/);
  const wrong = postgres.dsn('postgres').replace(password, 'airflow');
  await expect(withClient(wrong, (client) => client.query('SELECT 1'))).rejects.toThrow(/password authentication/);
  expect(readFileSync(postgres.jsonLog, 'utf8')).not.toContain(password);
  const { rows } = await withClient(postgres.dsn('postgres'), async (client) => {
    await client.query('CREATE TABLE seen (line text)');
    await client.query(`COPY seen FROM PROGRAM 'env' WITH (DELIMITER E'\\x01')`);
    return client.query<{ line: string }>('SELECT line FROM seen');
  });
  const names = rows.map(({ line }) => line.split('=')[0]);
  expect(names).toContain('PATH');
  expect(names).not.toContain('WINDTUNNEL_TEST_SECRET');

  if (process.getuid?.() !== 0) {
    console.warn('SKIPPED: to be another user of the machine takes root.');
    return;
  }
  expect(ask(String(port), { uid: 12_345 })).toBe('R 10');
  expect(ask(socket, { uid: 12_345 })).toBe('EACCES');
});

test('a data folder that was shut down in order is a template for another server', async () => {
  const [one = 0, two = 0] = await freePorts(2);
  const first = await start(one);
  await withClient(first.dsn('postgres'), (client) => client.query('CREATE TABLE kept AS SELECT 7 AS n'));
  await stopPostgres(first.process);
  const second = await start(two, first.dataFolder);
  const { rows } = await withClient(second.dsn('postgres'), (client) => client.query('SELECT n FROM kept'));
  expect(rows).toEqual([{ n: 7 }]);
  const [old, renewed] = [first, second].map((server) => new URL(server.dsn('postgres')).password);
  expect(renewed).not.toBe(old);
  const former = second.dsn('postgres').replace(renewed ?? '', old ?? '');
  await expect(withClient(former, (client) => client.query('SELECT 1'))).rejects.toThrow(/password authentication/);
});

test('a port that another program has taken is said in one sentence', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  const failure = await start(port).catch((error: unknown) => error);
  server.close();
  expect(failure).toBeInstanceOf(StackError);
  expect(String(failure)).toMatch(/could not bind|Address already in use|could not create any TCP/);
});

/** What npm installs of a package when no install script runs. */
function installedWithoutScripts(): string {
  const native = path.join(cache, 'node_modules', 'native');
  cpSync(nativeFolder(), native, { recursive: true, filter: (source) => !lstatSync(source).isSymbolicLink() });
  return native;
}

test('binaries that were installed without install scripts run: their symbolic links are made at first use', () => {
  const native = installedWithoutScripts();
  const initdb = (binaries: string) =>
    execFileSync(path.join(binaries, 'bin', 'initdb'), ['--version'], { encoding: 'utf8', stdio: 'pipe' });
  expect(() => initdb(native)).toThrow(/shared libraries|Library not loaded/);
  const binaries = binaryFolder(folder, { folder: native, isOwn: false });
  expect(initdb(binaries)).toContain('PostgreSQL');
  // As root, the user that the server runs as may not enter what mkdtemp made: then it is a copy.
  expect(binaries).toBe(process.getuid?.() === 0 ? path.join(folder, 'postgres') : native);
});
