/**
 * Not measured: what the fleet under test plays against, on another core. An API server that answers what Airflow would
 * to a healthy worker, without looking (raw sockets: a server that costs more than its client would be what is
 * measured), and an executor that hands over workloads.
 *
 *     stub.ts SOCKET PORT LIVES PER_SECOND   so many in all; PER_SECOND 0: so many at once, the next as one ends
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [socketPath = '', port, lives, perSecond] = process.argv.slice(2);

const STARTED = JSON.stringify({ dag_run: {}, should_retry: false, max_tries: 0, xcom_keys_to_clear: [] });
const OK = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${STARTED.length}\r\n\r\n${STARTED}`,
);
const NO_CONTENT = Buffer.from('HTTP/1.1 204 No Content\r\n\r\n');

const server = createServer({ noDelay: true }, (socket) => {
  let held = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    held += chunk.toString('latin1');
    for (;;) {
      const head = held.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = /content-length: (\d+)/i.exec(held.slice(0, head))?.[1] ?? '0';
      const end = head + 4 + Number(length);
      if (held.length < end) return;
      socket.write(held.slice(0, head).includes('/run HTTP/') ? OK : NO_CONTENT);
      held = held.slice(end);
    }
  });
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });

/** The fleet is started at the same moment, and listens when it has read its code. */
const CONNECT_MS = 30_000;

void handOver(await connected(), Number(lives), Number(perSecond));

async function connected(): Promise<Socket> {
  for (const until = performance.now() + CONNECT_MS; ; await sleep(20)) {
    const socket = connect(socketPath);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (performance.now() > until) throw error;
    }
  }
}

async function handOver(socket: Socket, atOnce: number, rate: number): Promise<void> {
  let seq = 0;
  const say = (message: object) => socket.write(`${JSON.stringify(message)}\n`);
  const next = () => {
    seq++;
    const ti = {
      id: `01900000-0000-7000-8000-${seq.toString(16).padStart(12, '0')}`,
      dag_id: 'wt_bench',
      task_id: 'work',
      run_id: `manual__2026-01-01T00:00:00+00:00_${Math.floor(seq / 100)}`,
      try_number: 1,
      map_index: seq % 100,
    };
    say({ type: 'workload', seq, workload: { token: `${'t'.repeat(300)}${seq}`, ti } });
  };
  say({ type: 'hello', protocol: 3, process: 'scheduler-1', pid: process.pid, instance: '0'.repeat(32) });
  let held = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (held + text).split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as { type: string; seq: number };
      if (message.type !== 'ended') continue;
      say({ type: 'ended_ack', seq: message.seq });
      if (rate === 0) next();
    }
  });
  socket.on('close', () => process.exit(0)).on('error', () => undefined);
  if (rate === 0) {
    for (let i = 0; i < atOnce; i++) next();
    return;
  }
  const began = performance.now();
  while (seq < atOnce) {
    const due = Math.min(atOnce, Math.floor(((performance.now() - began) / 1000) * rate));
    while (seq < due) next();
    await sleep(5);
  }
}
