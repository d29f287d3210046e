import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { isRecord } from '../harness/model/json.ts';

export const TOKEN = 'a token of the hand-off';

/** Of the process of this pid. */
export function instanceOf(pid: number): string {
  return pid.toString(16).padStart(32, '0');
}

/** The id of the task instance of this name. */
export function idOf(task: string): string {
  const hex = createHash('sha256').update(task).digest('hex');
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** An executor spoken by hand: what it sends is exactly what the test says. */
export class HandClient {
  readonly socket: Socket;
  /** The first message of the dispatcher, which is not among the others. */
  welcome: unknown;
  readonly #lines: string[] = [];
  #rest = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const pieces = (this.#rest + text).split('\n');
      this.#rest = pieces.pop() ?? '';
      this.welcome ??= pieces[0]?.startsWith('{"type":"welcome"') ? JSON.parse(pieces.shift() ?? '') : undefined;
      this.#lines.push(...pieces);
      socket.emit('lines');
    });
    socket.on('error', () => undefined);
  }

  static async to(
    address: string,
    process = 'scheduler-1',
    pid = 11,
    over: Readonly<Record<string, unknown>> = {},
  ): Promise<HandClient> {
    const tcp = /^tcp:127\.0\.0\.1:(\d+)$/.exec(address);
    const socket = tcp
      ? connect({ host: '127.0.0.1', port: Number(tcp[1]) })
      : connect({ path: address.slice('unix:'.length) });
    await once(socket, 'connect', { signal: AbortSignal.timeout(2_000) });
    const client = new HandClient(socket);
    client.send({ type: 'hello', protocol: 3, process, pid, instance: instanceOf(pid), token: TOKEN, ...over });
    return client;
  }

  send(message: unknown): void {
    this.raw(`${JSON.stringify(message)}\n`);
  }

  raw(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  async next(): Promise<Record<string, unknown>> {
    const signal = AbortSignal.timeout(2_000);
    while (this.#lines.length === 0) await once(this.socket, 'lines', { signal });
    const message: unknown = JSON.parse(this.#lines.shift() ?? '');
    if (!isRecord(message)) throw new Error('the dispatcher sent something that is no object');
    return message;
  }

  /** Everything sent before this was processed: an adoption of nothing is answered in order. */
  async flushed(): Promise<readonly Record<string, unknown>[]> {
    this.send({ type: 'adopt', seq: 999_999, keys: [] });
    const before: Record<string, unknown>[] = [];
    for (;;) {
      const message = await this.next();
      if (message.type === 'adopted' && message.seq === 999_999) return before;
      before.push(message);
    }
  }

  async close(): Promise<void> {
    if (this.socket.destroyed) return;
    const closed = once(this.socket, 'close', { signal: AbortSignal.timeout(2_000) });
    this.socket.destroy();
    await closed;
  }
}

export function workloadLine(seq: number, task = 't', over: Record<string, unknown> = {}): Record<string, unknown> {
  const ti = { id: idOf(task), dag_id: 'wt_d', task_id: task, run_id: 'r', try_number: 1, map_index: -1, ...over };
  return { type: 'workload', seq, workload: { token: `token-${task}`, ti } };
}
