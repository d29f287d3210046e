import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { HttpTransport } from '../fleet/http-transport.ts';
import { RunOperationLog } from '../fleet/operation-log.ts';
import { RunClock } from '../run-folder/clock.ts';
import { RunFolder } from '../run-folder/writer.ts';
import { Requests } from '../worker/requests.ts';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly body: unknown;
}

/** Tests only: an API server that keeps every request, a client of it, and the record that the client writes. */
export async function recordingServer(
  statusOf: (received: ReceivedRequest) => number = () => 204,
  /** It answers no request before it has received so many. */
  answersFrom = 1,
) {
  const held: (() => void)[] = [];
  const received: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += String(chunk);
    });
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = {
        method,
        path: url,
        token: headers.authorization ?? '',
        body: text === '' ? null : JSON.parse(text),
      };
      received.push(one);
      response.statusCode = statusOf(one);
      held.push(() => response.end());
      if (received.length >= answersFrom) for (const answer of held.splice(0)) answer();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const folder = mkdtempSync(path.join(tmpdir(), 'wt-test-'));
  const record = new RunFolder(path.join(folder, 'run'));
  const clock = new RunClock();
  const operationLog = new RunOperationLog(record);
  const transport = new HttpTransport([url], 4, 1_000);
  const requests = new Requests({ transport, attempts: 1, clock, operationLog });
  return {
    received,
    url,
    requests,
    record,
    clock,
    operationLog,
    async operations(): Promise<Record<string, unknown>[]> {
      await record.flush();
      const lines = readFileSync(path.join(record.path, 'raw', 'operations.ndjson'), 'utf8')
        .trim()
        .split('\n');
      return lines.map((line): Record<string, unknown> => JSON.parse(line));
    },
    async close(): Promise<void> {
      await transport.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await record.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
