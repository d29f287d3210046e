import { connect } from 'node:net';

import { expect, test } from 'vitest';

import { NO_NUMBERS } from './live-line.ts';
import { serveMetrics } from './metrics.ts';

const STARTING = { ...NO_NUMBERS, phase: 'starting', elapsedMs: 1_500 };
const LOAD = {
  ...STARTING,
  phase: 'load',
  elapsedMs: 12_300,
  plannedMs: 60_000,
  live: 40,
  requestsPerSecond: 210.5,
  p95Ms: 412,
  sent: 2_000,
  http409: 3,
  http5xx: 0,
  deadlocks: 1,
  faults: ['kill scheduler-1'],
};

async function samples(url: string): Promise<string[]> {
  return (await (await fetch(url)).text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('numbers are read at each scrape, on loopback alone, until the run ends', async () => {
  let now: typeof STARTING | typeof LOAD = STARTING;
  const server = await serveMetrics(0, { label: 'a', read: () => now });
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  expect(await samples(server.url)).toEqual([
    'windtunnel_phase_seconds{run="a"} 1.5',
    'windtunnel_open_faults{run="a"} 0',
    'windtunnel_phase_info{run="a",phase="starting"} 1',
  ]);
  now = LOAD;
  const loaded = [
    'windtunnel_phase_seconds{run="a"} 12.3',
    'windtunnel_load_left_seconds{run="a"} 47.7',
    'windtunnel_lives_at_work{run="a"} 40',
    'windtunnel_requests_per_second{run="a"} 210.5',
    'windtunnel_latency_seconds{run="a"} 0.412',
    'windtunnel_requests_total{run="a"} 2000',
    'windtunnel_http_409_total{run="a"} 3',
    'windtunnel_http_5xx_total{run="a"} 0',
    'windtunnel_deadlocks_total{run="a"} 1',
    'windtunnel_open_faults{run="a"} 1',
    'windtunnel_phase_info{run="a",phase="load"} 1',
  ];
  expect(await samples(server.url)).toEqual(loaded);
  expect(await samples(server.url)).toEqual(loaded);
  const answer = await fetch(server.url);
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  expect(await answer.text()).toContain('# TYPE windtunnel_requests_total counter\n');
  expect((await fetch(server.url.replace('metrics', 'else'))).status).toBe(404);
  expect((await fetch(server.url, { method: 'POST' })).status).toBe(404);
  await server.close();
  await expect(fetch(server.url)).rejects.toThrow();
});

/** What comes back for these bytes until the server closes. */
function answerTo(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

test.each([
  ['GET //', 404],
  ['GET /\\', 404],
  ['GET http://[', 404],
  ['GET http://[/metrics', 404],
  ['GET /metrics?a=%', 200],
  ['GET /metrics?', 200],
  ['GET /%', 404],
  ['GET *', 404],
  ['OPTIONS *', 404],
  ['GET /\u0000', 400],
  ['GET', 400],
  ['\u0016\u0003\u0001', 400],
])('%j gets an answer, and so does the next request', async (words, status) => {
  const server = await serveMetrics(0, { label: 'a', read: () => STARTING });
  const port = Number(new URL(server.url).port);
  expect(await answerTo(port, `${words} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)).toMatch(
    `HTTP/1.1 ${status}`,
  );
  const huge = `GET /metrics HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`;
  expect(await answerTo(port, huge)).toMatch('HTTP/1.1 431');
  expect((await fetch(server.url)).status).toBe(200);
  await server.close();
});

test('the label of a run can end neither its quotes nor its line', async () => {
  const server = await serveMetrics(0, { label: 'a"} 1\nb\\', read: () => STARTING });
  expect((await samples(server.url))[0]).toBe('windtunnel_phase_seconds{run="a\\"} 1\\nb\\\\"} 1.5');
  await server.close();
});

test('another address is listened on where it is named', async () => {
  const server = await serveMetrics(0, { label: 'a', read: () => STARTING, host: '0.0.0.0' });
  const { port } = new URL(server.url);
  expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
  await server.close();
});

test('a port that does not open is not waited for without end', async () => {
  const opening = serveMetrics(0, { label: 'a', read: () => STARTING, signal: AbortSignal.abort() });
  await expect(opening).rejects.toThrow(
    /^Port 0 of 127\.0\.0\.1 cannot be listened on \(nothing happened within 10 s\): name another/,
  );
});

test('a port that is taken is one sentence that says what to do', async () => {
  const first = await serveMetrics(0, { label: 'a', read: () => STARTING });
  const port = Number(new URL(first.url).port);
  await expect(serveMetrics(port, { label: 'a', read: () => STARTING })).rejects.toThrow(
    `Port ${port} of 127.0.0.1 is in use: name another with --metrics-port, or 0 for any free port.`,
  );
  await first.close();
});
