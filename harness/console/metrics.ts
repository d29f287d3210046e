import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Gauge as GaugeType } from 'prom-client';

import { messageOf, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';
import type { LiveNow } from './live-line.ts';

/** Of a run under way, by the names that Prometheus stores. A name in `_total` counts from the start of the load. */
const METRICS: readonly (readonly [name: string, help: string, read: (now: LiveNow) => number | null])[] = [
  ['windtunnel_phase_seconds', 'Since the phase began.', ({ elapsedMs }) => elapsedMs / 1_000],
  ['windtunnel_load_left_seconds', 'Until the load ends.', secondsLeft],
  ['windtunnel_lives_at_work', 'Simulated task attempts that have started and not ended.', ({ live }) => live],
  ['windtunnel_requests_per_second', 'Over the last second.', ({ requestsPerSecond }) => requestsPerSecond],
  [
    'windtunnel_latency_seconds',
    'p95 of the last second, from the intended start.',
    ({ p95Ms }) => p95Ms && p95Ms / 1_000,
  ],
  ['windtunnel_requests_total', 'Requests sent.', ({ sent }) => sent],
  ['windtunnel_http_409_total', 'Responses with status 409.', ({ http409 }) => http409],
  ['windtunnel_http_5xx_total', 'Responses with status 5xx.', ({ http5xx }) => http5xx],
  ['windtunnel_deadlocks_total', 'Deadlocks counted by PostgreSQL.', ({ deadlocks }) => deadlocks],
  ['windtunnel_open_faults', 'Faults with an open window.', ({ faults }) => faults.length],
];

function secondsLeft({ plannedMs, elapsedMs }: LiveNow): number | null {
  return plannedMs === null ? null : Math.max(0, plannedMs - elapsedMs) / 1_000;
}

export interface MetricsFlags {
  readonly metricsPort?: number | undefined;
  readonly metricsHost?: string | undefined;
}

export const METRICS_OPTIONS = {
  'metrics-port': {
    type: 'number',
    describe: 'Serve /metrics for Prometheus on this port until the end; 0: any free port',
  },
  'metrics-host': {
    type: 'string',
    describe: 'The address that /metrics is served on (default: 127.0.0.1); 0.0.0.0 in a container',
  },
} as const;

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

interface Served {
  readonly label: string;
  read(): LiveNow;
  note(text: string): void;
}

/** Throws a UsageError that lists every problem of the flags. */
export function checkMetrics({ metricsPort: port, metricsHost }: MetricsFlags): void {
  const problems: string[] = [];
  if (port === undefined && metricsHost !== undefined) problems.push('--metrics-host needs --metrics-port.');
  if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port <= 65_535))
    problems.push(`--metrics-port must be a whole number from 0 (any free port) to 65535, not ${port}.`);
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
}

/** Serves `/metrics` if the flags ask for it, and resolves to what ends it. */
export async function openMetrics(
  { metricsPort, metricsHost }: MetricsFlags,
  { label, read, note }: Served,
): Promise<{ close(): Promise<void> }> {
  if (metricsPort === undefined) return { close: async () => undefined };
  const server = await serveMetrics(metricsPort, { label, read, host: metricsHost });
  note(`metrics: ${server.url}`);
  return server;
}

interface ServeOptions {
  readonly label: string;
  read(): LiveNow;
  readonly host?: string | undefined;
  /** Ends waiting for the port to open. */
  readonly signal?: AbortSignal;
}

/** A name server that does not answer must not hold up a run for ever. */
const LISTENING_MS = 10_000;
/** Scrapers send a line and a few headers. */
const SLOWEST_MS = 10_000;
const MOST_CONNECTIONS = 64;

/** Serves what `read` returns at each scrape, labelled with the run. Port 0: any free port. Nothing in it is secret. */
export async function serveMetrics(
  port: number,
  { label, read, host = '127.0.0.1', signal = AbortSignal.timeout(LISTENING_MS) }: ServeOptions,
): Promise<MetricsServer> {
  const { contentType, text } = await exposition(label, read);
  const server = createServer({ headersTimeout: SLOWEST_MS, requestTimeout: SLOWEST_MS }, (request, response) => {
    // As text: it is not always a URL.
    const [where] = (request.url ?? '').split('?');
    if (request.method !== 'GET' || where !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('Only GET /metrics is served here.\n');
      return;
    }
    text().then(
      (body) => response.writeHead(200, { 'content-type': contentType }).end(body),
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${messageOf(error)}\n`),
    );
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.listen(port, host);
  try {
    await once(server, 'listening', { signal });
  } catch (error) {
    server.close();
    const { name, code } = isRecord(error) ? error : {};
    const reason = name === 'AbortError' ? `nothing happened within ${LISTENING_MS / 1_000} s` : messageOf(error);
    const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${reason})`;
    throw new UsageError(`Port ${port} of ${host} ${why}: name another with --metrics-port, or 0 for any free port.`, {
      cause: error,
    });
  }
  // One that cannot be accepted, such as for want of a file descriptor, is the scraper's loss.
  server.on('error', () => undefined);
  const address = server.address();
  const listening = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host}:${listening}/metrics`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      // A scraper keeps its connection open, and a run must not wait for it.
      server.closeAllConnections();
      await closed;
    },
  };
}

/** In the text format of Prometheus. What is not known has no sample. */
async function exposition(
  run: string,
  read: () => LiveNow,
): Promise<{ contentType: string; text: () => Promise<string> }> {
  // Few runs are scraped: the others do not wait for this package.
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const options = { labelNames: ['run'], registers: [registry] };
  const metrics = METRICS.map(([name, help, value]) => {
    if (!name.endsWith('_total')) return { gauge: new Gauge({ ...options, name, help }), value };
    return { counter: new Counter({ ...options, name, help }), value };
  });
  const phase: GaugeType = new Gauge({
    ...options,
    name: 'windtunnel_phase_info',
    help: 'The phase that the run is in.',
    labelNames: ['run', 'phase'],
  });
  const text = async () => {
    const now = read();
    registry.resetMetrics();
    phase.set({ run, phase: now.phase }, 1);
    for (const { gauge, counter, value } of metrics) {
      const known = value(now);
      if (known === null) continue;
      gauge?.set({ run }, known);
      counter?.inc({ run }, known);
    }
    return registry.metrics();
  };
  return { contentType: registry.contentType, text };
}
