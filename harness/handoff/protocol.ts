import { StringDecoder } from 'node:string_decoder';
import { isRecord } from '../model/json.ts';
import type { ExecutorBehaviour } from '../model/scenario.ts';
import { type LifeOutcome, parseKey, parseWorkload, type TaskKey, type Workload } from './workload.ts';

/**
 * The hand-off protocol, version 3: newline-delimited JSON both ways. Its description for users is
 * docker/executor/README.md; the other end is docker/executor/windtunnel_executor/__init__.py.
 *
 * A sequence number belongs to its sender: workload, adopt and revoke are the executor's, ended is the harness's. Each
 * side keeps what it sent until the answer with that number, and sends it again after every reconnect, because a send
 * on a socket of which the other end has died succeeds once.
 */
export const PROTOCOL = 3;

export interface Hello {
  readonly type: 'hello';
  readonly protocol: number;
  readonly process: string;
  readonly pid: number;
  /** Drawn at random when the executor starts: no other process can claim to be the same process. */
  readonly instance: string;
  /** What both sides know; needed over TCP. */
  readonly token?: string | undefined;
}

export type FromExecutor =
  | Hello
  | { readonly type: 'workload'; readonly seq: number; readonly workload: Workload }
  | { readonly type: 'ended_ack'; readonly seq: number }
  | { readonly type: 'adopt'; readonly seq: number; readonly keys: readonly TaskKey[] }
  | { readonly type: 'revoke'; readonly seq: number; readonly key: TaskKey };

/** How an executor is to behave; the first message of every connection. */
export interface Welcome {
  readonly behaviour: ExecutorBehaviour;
  /** Whether it says that it distinguishes the attempts of a task by their ids, as executors of Airflow 3.4 do. */
  readonly task_uuid: boolean;
}

export type ToExecutor =
  /** `run`: sequence numbers of the harness are its: with another they begin again at 1. */
  | ({ readonly type: 'welcome'; readonly run: string } & Welcome)
  | { readonly type: 'ack'; readonly seq: number }
  | {
      readonly type: 'ended';
      readonly seq: number;
      readonly key: TaskKey;
      readonly ti_id: string;
      readonly outcome: LifeOutcome;
      /** The sequence number of the delivery that ended; null when the executor adopted the key. */
      readonly of: number | null;
      /** It was sent before, and the executor must pass it on all the same. */
      readonly again?: true;
    }
  | { readonly type: 'adopted'; readonly seq: number; readonly keys: readonly TaskKey[] }
  /** The last message of a connection that is closed. */
  | { readonly type: 'refused'; readonly why: string };

/** It is printed and recorded. */
const NAME = /^[^\p{C}]{1,200}$/u;
const INSTANCE = /^[0-9a-f]{32}$/;

/** Throws an Error that says what is wrong with the line; never prints the line, which may hold a token. */
export function parseMessage(line: string): FromExecutor {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    // The cause is left out on purpose: V8 quotes the text, and the text may hold a token.
    throw new Error(`not JSON (${line.length} characters)`);
  }
  if (!isRecord(message)) throw new Error('not a JSON object');
  switch (message.type) {
    case 'hello':
      return parseHello(message);
    case 'workload':
      return { type: 'workload', seq: parseSeq(message), workload: parseWorkload(message.workload) };
    case 'ended_ack':
      return { type: 'ended_ack', seq: parseSeq(message) };
    case 'adopt':
      if (!Array.isArray(message.keys)) throw new Error('adopt.keys is not a list');
      return { type: 'adopt', seq: parseSeq(message), keys: message.keys.map(parseKey) };
    case 'revoke':
      return { type: 'revoke', seq: parseSeq(message), key: parseKey(message.key) };
    default:
      throw new Error(`unknown message type ${JSON.stringify(message.type)?.slice(0, 60)}`);
  }
}

function parseHello({ protocol, process, pid, instance, token }: Record<string, unknown>): Hello {
  if (protocol !== PROTOCOL)
    throw new Error(
      `speaks protocol ${JSON.stringify(protocol)?.slice(0, 20)}, this is ${PROTOCOL}: ` +
        'install the executor of this windtunnel',
    );
  if (typeof process !== 'string' || !NAME.test(process))
    throw new Error('hello.process is not a name of at most 200 characters');
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid)) throw new Error('hello.pid is not an integer');
  if (typeof instance !== 'string' || !INSTANCE.test(instance))
    throw new Error('hello.instance is not 32 hexadecimal digits');
  if (token !== undefined && typeof token !== 'string') throw new Error('hello.token is not a string');
  return { type: 'hello', protocol, process, pid, instance, token };
}

function parseSeq(message: Record<string, unknown>): number {
  const { seq } = message;
  if (!Number.isSafeInteger(seq)) throw new Error(`${String(message.type)}.seq is not an integer`);
  return seq as number;
}

/** Cuts a byte stream into lines: chunks may end anywhere, even inside a character. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #limit: number;
  #rest = '';

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Characters of the line that is not complete yet. */
  get waiting(): number {
    return this.#rest.length;
  }

  /** The lines that this chunk completes. Throws when a line outgrows the limit: the stream is of no use after that. */
  push(chunk: Buffer): string[] {
    const pieces = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = pieces.pop() ?? '';
    if (this.#rest.length > this.#limit || pieces.some((piece) => piece.length > this.#limit)) {
      this.#rest = '';
      throw new Error(`a line is longer than ${this.#limit} characters`);
    }
    return pieces.filter((piece) => piece.trim() !== '');
  }
}
