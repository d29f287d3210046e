import { once } from 'node:events';
import { createServer } from 'node:http';

import { OPENMETRICS_TYPE } from '../../reports/openmetrics.ts';
import { messageOf, UsageError } from '../model/errors.ts';
import { isRecord } from '../model/json.ts';

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/** `/metrics` while a run lasts, read anew for each scrape. Port 0 is any that is free. It only tells, and what it tells is no secret. */
export async function serveMetrics(port: number, read: () => string, host = '127.0.0.1'): Promise<MetricsServer> {
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new UsageError(`--metrics-port must be a whole number from 0 (any that is free) to 65535, not ${port}`);
  }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (request.method !== 'GET' || pathname !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is /metrics here.\n');
      return;
    }
    response.writeHead(200, { 'content-type': OPENMETRICS_TYPE }).end(read());
  });
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const taken = isRecord(error) && error.code === 'EADDRINUSE';
    const why = taken ? 'is in use' : `cannot be listened on (${messageOf(error)})`;
    throw new UsageError(`Port ${port} of ${host} ${why}: name another with --metrics-port, or 0 for any.`, {
      cause: error,
    });
  }
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
