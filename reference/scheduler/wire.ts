import { connect, type Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';

import { log } from '../log.ts';

const CONNECT_MS = 1_000;
const KNOCK_EVERY_MS = 500;
const REFUSED_FOR_MS = 10_000;
const LINE_LIMIT = 4_000_000;

export type Message = Readonly<Record<string, unknown>>;

export interface WireOptions {
  /** `unix:/path` or `tcp:127.0.0.1:port`. */
  readonly address: string;
  /** What every new connection begins with. */
  greeting(): Iterable<Message>;
  received(message: Message): void;
}

/**
 * The executor's end of the hand-off: lines of JSON both ways. What it loses, its owner sends again after `greeting`.
 */
export class Wire {
  readonly #options: WireOptions;
  #socket: Socket | null = null;
  /** Not null while a connection is made or waited for. */
  #knocking: NodeJS.Timeout | null = null;
  #logged = '';
  #closed = false;
  #wasRefused = false;

  constructor(options: WireOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Without a connection there is nothing to do: the greeting of the next one repeats what matters. */
  write(message: Message): void {
    this.#socket?.write(`${JSON.stringify(message)}\n`);
  }

  /** The harness closes the connection. */
  refused(why: string): void {
    this.#wasRefused = true;
    this.#logChange(`refused by the harness: ${why}`);
  }

  /** Idempotent; waits no longer than `withinMs` for what is still to be sent. */
  close(withinMs: number): Promise<void> {
    this.#closed = true;
    if (this.#knocking) clearTimeout(this.#knocking);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket || socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.destroy(), withinMs);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end(() => socket.destroy());
    });
  }

  #connect(): void {
    this.#knocking = null;
    const decoder = new StringDecoder('utf8');
    let rest = '';
    const socket = connect({ ...addressOf(this.#options.address), noDelay: true, timeout: CONNECT_MS });
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => {
      socket.setTimeout(0);
      if (this.#closed) return void socket.destroy();
      this.#socket = socket;
      // What refused us is likely to do it again: that is one line, not two in turn.
      if (!this.#wasRefused) this.#logChange(`connected to the harness at ${this.#options.address}`);
      for (const message of this.#options.greeting()) this.write(message);
    });
    socket.on('data', (chunk) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_LIMIT) socket.destroy(new Error('a line without an end'));
      for (const line of lines) this.#hear(line);
    });
    socket.on('error', (error) => this.#logChange(`no connection to the harness: ${error.message}`));
    socket.once('close', () => {
      if (this.#socket === socket) this.#socket = null;
      if (this.#closed) return;
      this.#knocking = setTimeout(() => this.#connect(), this.#wasRefused ? REFUSED_FOR_MS : KNOCK_EVERY_MS);
    });
  }

  #hear(line: string): void {
    if (line.trim() === '') return;
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      message = null; // Reported below; the scheduler must survive a harness that misspeaks.
    }
    if (typeof message === 'object' && message !== null) this.#options.received(message as Message);
    else log('warning', `windtunnel: the harness sent ${line.length} characters that are no message`);
  }

  /** Once per change: a scheduler that waits for the harness for an hour writes one line. */
  #logChange(text: string): void {
    if (text === this.#logged || this.#closed) return;
    this.#logged = text;
    log('info', `windtunnel: ${text}`);
  }
}

function addressOf(address: string): { readonly path: string } | { readonly host: string; readonly port: number } {
  const [, kind, rest = ''] = /^(unix|tcp):(.+)$/.exec(address) ?? [];
  if (kind === 'unix') return { path: rest };
  const [, host = '', port] = /^(.*):(\d+)$/.exec(rest) ?? [];
  if (kind !== 'tcp' || port === undefined) {
    throw new Error('WINDTUNNEL_HANDOFF must be unix:/path/to.sock or tcp:127.0.0.1:port');
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
