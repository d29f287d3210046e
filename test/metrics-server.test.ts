import { expect, test } from 'vitest';

import { serveMetrics } from '../harness/soak/metrics-server.ts';

test('numbers are read anew for each scrape, on loopback alone, until the run is over', async () => {
  let reads = 0;
  const server = await serveMetrics(0, () => `# EOF ${++reads}\n`);
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  const answers = [await fetch(server.url), await fetch(server.url)];
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(answers[0]?.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
  expect(await answers[1]?.text()).toBe('# EOF 2\n');
  expect((await fetch(server.url.replace('metrics', 'else'))).status).toBe(404);
  expect((await fetch(server.url, { method: 'POST' })).status).toBe(404);
  await server.close();
  await expect(fetch(server.url)).rejects.toThrow();
});

test('another address is listened on where it is named', async () => {
  const server = await serveMetrics(0, () => '# EOF\n', '0.0.0.0');
  const { port } = new URL(server.url);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
  await server.close();
});

test('a port that is taken is one sentence that says what to do', async () => {
  const first = await serveMetrics(0, () => '');
  const port = Number(new URL(first.url).port);
  await expect(serveMetrics(port, () => '')).rejects.toThrow(
    `Port ${port} of 127.0.0.1 is in use: name another with --metrics-port, or 0 for any.`,
  );
  await first.close();
});
