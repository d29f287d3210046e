import type { Server, Socket } from 'node:net';

import { messageOf } from '../model/errors.ts';
import { isSecret } from '../model/secret.ts';
import { type FromExecutor, type Hello, LineSplitter, parseMessage, type ToExecutor } from './protocol.ts';

/** A workload is under 4 KB; a scheduler that adopts ten thousand task instances at once still fits. */
const LINE_LIMIT = 4_000_000;
/** Before hello there is nothing to say that is longer. */
const HELLO_LIMIT = 4_000;
/** Executors say hello as soon as they are connected. */
const HELLO_MS = 10_000;
/** With more that have not said hello, the oldest makes room: others cannot keep a scheduler out. */
const WITHOUT_HELLO = 64;
/** A peer that does not read what it is sent is cut off here rather than buffered for without end; it reconnects. */
const WRITE_LIMIT = 16_000_000;
/** How long the other end may take to close its half before its socket is destroyed. */
const CLOSE_MS = 500;

/** An executor that has said hello. */
export interface Executor {
  /** Of one process for as long as it lives, however often it connects; no other process knows it. */
  readonly peer: string;
  /** `scheduler-1` */
  readonly name: string;
}

export interface ConnectionsOptions {
  /** What hello must contain; absent: all who reach the socket are believed. */
  readonly token: string | undefined;
  onHello(executor: Executor): void;
  onMessage(executor: Executor, message: Exclude<FromExecutor, Hello>): void;
  /** The last connection of an executor has ended. */
  onGone(executor: Executor): void;
  /** A connection was closed because of what came through it. `why` quotes nothing of it that may be secret. */
  onRefused(why: string): void;
}

interface Connection {
  readonly socket: Socket;
  readonly splitter: LineSplitter;
  /** Until hello. */
  readonly timer: NodeJS.Timeout;
  executor: Executor | null;
}

/**
 * The connections of executors. What is no message closes the connection that it came through, and nothing else: the
 * others belong to other processes.
 */
export class ExecutorConnections {
  readonly #server: Server;
  readonly #options: ConnectionsOptions;
  /** In the order in which they came. */
  readonly #connections = new Set<Connection>();

  constructor(server: Server, options: ConnectionsOptions) {
    this.#server = server;
    this.#options = options;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** How many have said hello. */
  get count(): number {
    return [...this.#connections].filter(({ executor }) => executor !== null).length;
  }

  /** Does nothing for a peer that is away: it is notified when it comes back. */
  send(peer: string, message: ToExecutor): void {
    for (const connection of this.#connections) if (connection.executor?.peer === peer) this.#send(connection, message);
  }

  /** Bounded. No more connections are accepted. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { socket } of this.#connections) socket.end();
    const timer = setTimeout(() => {
      for (const { socket } of this.#connections) socket.destroy();
    }, CLOSE_MS);
    await closed;
    clearTimeout(timer);
  }

  #accept(socket: Socket): void {
    const connection: Connection = {
      socket,
      splitter: new LineSplitter(LINE_LIMIT),
      timer: setTimeout(() => this.#refuse(connection, 'no hello came'), HELLO_MS),
      executor: null,
    };
    this.#connections.add(connection);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(connection, chunk));
    // A reset is what a killed scheduler looks like: 'close' follows.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#gone(connection));
    const silent = [...this.#connections].filter(({ executor }) => executor === null);
    if (silent.length > WITHOUT_HELLO) silent[0]?.socket.destroy();
  }

  #gone(connection: Connection): void {
    clearTimeout(connection.timer);
    this.#connections.delete(connection);
    const { executor } = connection;
    connection.executor = null;
    if (executor) this.#options.onGone(executor);
  }

  #read(connection: Connection, chunk: Buffer): void {
    const { splitter, socket } = connection;
    try {
      for (const line of splitter.push(chunk)) {
        // It was refused, or has said hello again through another connection.
        if (socket.destroyed || socket.writableEnded) return;
        this.#take(connection, parseMessage(line));
      }
      if (connection.executor === null && splitter.waiting > HELLO_LIMIT)
        throw new Error(`a line before hello is longer than ${HELLO_LIMIT} characters`);
    } catch (error) {
      this.#refuse(connection, messageOf(error));
    }
  }

  #take(connection: Connection, message: FromExecutor): void {
    if (message.type === 'hello') this.#welcome(connection, message);
    else if (connection.executor) this.#options.onMessage(connection.executor, message);
    else throw new Error(`${message.type} came before hello`);
  }

  #welcome(connection: Connection, { process, pid, instance, token }: Hello): void {
    if (this.#options.token !== undefined && !isSecret(token ?? '', this.#options.token))
      throw new Error('its WINDTUNNEL_HANDOFF_TOKEN is not the one of this run');
    if (connection.executor) throw new Error('hello came twice');
    const executor = { peer: `${process}/${pid}/${instance}`, name: process };
    // The same process again: it dropped its older connection, of which the end may arrive later.
    for (const other of [...this.#connections]) {
      if (other === connection || other.executor?.peer !== executor.peer) continue;
      other.socket.destroy();
      this.#gone(other);
    }
    clearTimeout(connection.timer);
    connection.executor = executor;
    this.#options.onHello(executor);
  }

  /** The reason goes to the executor, so that its log has it. */
  #refuse(connection: Connection, why: string): void {
    const { socket, executor } = connection;
    if (socket.destroyed || socket.writableEnded) return;
    this.#send(connection, { type: 'refused', why });
    socket.removeAllListeners('data').resume().end();
    setTimeout(() => socket.destroy(), CLOSE_MS).unref();
    this.#options.onRefused(`hand-off from ${executor?.name ?? socket.remoteAddress ?? 'an unknown process'}: ${why}`);
  }

  /** The messages of one turn of the event loop are one write: in a busy second there are tens of thousands. */
  #send({ socket }: Connection, message: ToExecutor): void {
    if (socket.destroyed || !socket.writable) return;
    if (socket.writableCorked === 0) {
      socket.cork();
      setImmediate(() => socket.uncork());
    }
    socket.write(`${JSON.stringify(message)}\n`);
    if (socket.writableLength > WRITE_LIMIT) socket.destroy();
  }
}
