import { afterAll, beforeAll, expect, it } from 'vitest';

import { freePorts } from '../../harness/system/ports.ts';
import { testDatabase } from '../database/test-database.ts';
import { normal } from '../normal.ts';
import { settingsFor } from '../scheduler/test-scheduler.ts';
import { runExecutionApi, runPublicApi } from './server.ts';

let database: Awaited<ReturnType<typeof testDatabase>>;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

it.each([
  ['workers', runExecutionApi, '/execution/health'],
  ['users', runPublicApi, '/api/v2/version'],
])('serves %s until it is stopped, and leaves no connection behind', async (_whom, serve, path) => {
  const [port = 0] = await freePorts(1);
  const stop = new AbortController();
  const served = serve({
    settings: settingsFor(database.dsn, 'api-1', { port }),
    behaviour: normal,
    signal: stop.signal,
  });
  await expect.poll(() => fetch(`http://127.0.0.1:${port}${path}`).then(({ status }) => status)).toBe(200);
  stop.abort();
  await served;
  await expect(fetch(`http://127.0.0.1:${port}${path}`)).rejects.toThrow();
});

it('rejects when its port is taken', async () => {
  const [port = 0] = await freePorts(1);
  const stop = new AbortController();
  const role = { settings: settingsFor(database.dsn, 'api-1', { port }), behaviour: normal, signal: stop.signal };
  const first = runExecutionApi(role);
  await expect.poll(() => fetch(`http://127.0.0.1:${port}/execution/health`).then(({ ok }) => ok)).toBe(true);
  await expect(runExecutionApi(role)).rejects.toThrow('EADDRINUSE');
  stop.abort();
  await first;
});
