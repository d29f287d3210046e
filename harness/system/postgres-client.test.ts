import { type AddressInfo, createServer, type Socket } from 'node:net';

import pg from 'pg';
import { afterEach, expect, test } from 'vitest';

import {
  connect,
  DatabaseAwayError,
  databaseError,
  disconnect,
  ReconnectingClient,
  untilItAnswers,
  withClient,
} from './postgres-client.ts';

const opened: Socket[] = [];
let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  for (const socket of opened.splice(0)) socket.destroy();
  await close?.();
});

/** Greets as PostgreSQL does (AuthenticationOk, ReadyForQuery) and then never reads again. */
async function serverThatVanishes(): Promise<string> {
  const server = createServer((socket) => {
    opened.push(socket);
    socket.once('data', () => {
      socket.write(Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 0, 90, 0, 0, 0, 5, 73]));
      socket.pause();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => new Promise((resolve) => server.close(() => resolve()));
  const { port } = server.address() as AddressInfo;
  return `postgresql://airflow@127.0.0.1:${port}/airflow`;
}

test('disconnect ends within seconds when the server has vanished', async () => {
  const client = await connect(await serverThatVanishes(), { name: 'wt-harness-test' });
  const began = performance.now();
  await disconnect(client);
  // Two seconds, and what a busy machine adds; TCP itself would wait for minutes.
  expect(performance.now() - began).toBeLessThan(20_000);
});

test('a server that is silent is given up in time, with a sentence that says so', async () => {
  const dsn = await serverThatVanishes();
  await expect(withClient(dsn, (client) => client.query('SELECT 1'), { queryMs: 200 })).rejects.toThrow(
    /^the database did not answer a query within 0\.2 s$/,
  );
  const ever = withClient(dsn, (client) => client.query('SELECT 1'), { allMs: 200 });
  await expect(ever).rejects.toThrow(/^the database was not done within 0\.2 s$/);
  for (const socket of opened.splice(0)) socket.destroy();
  await close?.();
  const server = createServer((socket) => opened.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => new Promise((resolve) => server.close(() => resolve()));
  const { port } = server.address() as AddressInfo;
  const silent = `postgresql://airflow@127.0.0.1:${port}/airflow`;
  await expect(connect(silent, { connectMs: 200 })).rejects.toThrow(/^the database did not answer within 0\.2 s$/);
  await expect(untilItAnswers(silent, 500)).rejects.toBeInstanceOf(DatabaseAwayError);
});

test('a database that is not there is away; an error in a query is no such thing', async () => {
  const refused = connect('postgresql://airflow@127.0.0.1:1/airflow');
  await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED', name: 'StackError' });
  const wrong = new pg.DatabaseError('relation "x" does not exist', 1, 'error');
  wrong.code = '42P01';
  expect(databaseError(wrong)).toBe(wrong);
  wrong.code = '53100';
  expect(databaseError(wrong)).toMatchObject({ message: 'the database says: relation "x" does not exist' });
});

test('of readings that want a connection at the same time none keeps one of its own', async () => {
  const client = new ReconnectingClient(await serverThatVanishes(), {});
  const [first, second] = await Promise.all([client.get(), client.get()]);
  expect(first).toBe(second);
  expect(opened.length).toBe(1);
  await client.drop();
  const refused = new ReconnectingClient('postgresql://airflow@127.0.0.1:1/airflow', {});
  for (let again = 0; again < 2; again++) await expect(refused.get()).rejects.toBeInstanceOf(DatabaseAwayError);
  await refused.drop();
});
