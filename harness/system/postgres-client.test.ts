import { type AddressInfo, createServer, type Socket } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { connect, disconnect } from './postgres-client.ts';

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
