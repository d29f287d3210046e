import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';

import { messageOf } from '../model/errors.ts';
import { Delivery } from './delivery.ts';
import { listenAt, unixPath } from './listen.ts';
import { Outbox } from './outbox.ts';
import { type FromExecutor, LineSplitter, parseMessage, type ToExecutor } from './protocol.ts';
import { type Entry, holderOf, Register } from './register.ts';
import type { LifeOutcome, TaskKey, Workload } from './workload.ts';

/** A workload is under 4 KB; a scheduler that adopts ten thousand task instances at once still fits. */
const LINE_LIMIT = 4_000_000;

/** A peer that does not read what it is sent is cut off here rather than buffered for without end; it reconnects. */
const WRITE_LIMIT = 16_000_000;

/** How long the other end may take to close its half before its socket is destroyed. */
const CLOSE_MS = 500;

export interface DispatcherOptions {
  /** `unix:/path/to.sock` or `tcp:127.0.0.1:port`, port 0 for a free one. */
  readonly address: string;
  /** The owner of the target allows an address of another host than loopback. */
  readonly elsewhere?: boolean;
  /**
   * Called once per delivery, before it is acknowledged; in a run it is `Fleet.begin`. What it throws is reported; the
   * scheduler will send again.
   */
  onWorkload(workload: Workload, from: string, delivery: Delivery): void;
  /** Airflow revokes the workload of the delivery of this number: its worker is not to start it. */
  onRevoke?(key: TaskKey, delivery: number): void;
  /** Asked for each workload that is revoked: how long that takes, milliseconds. */
  revokeTakesMs?(): number;
  onError?(error: Error): void;
  /** A scheduler that is away for longer is forgotten. Longer than any fault keeps one away. */
  readonly forgetAfterMs?: number;
}

export interface HandOffCounts {
  /** Connected executors that have said hello. */
  readonly executors: number;
  /** Handed over and not ended. */
  readonly live: number;
  /** Ends that a scheduler that holds the key has not acknowledged yet. */
  readonly owed: number;
  readonly delivered: number;
  /** The same delivery sent again after a reconnect: normal. */
  readonly resent: number;
  /** Another delivery of a workload of which the life had not ended: Airflow's doing. */
  readonly repeated: number;
  readonly ended: number;
  readonly revoked: number;
}

interface Connection {
  readonly socket: Socket;
  readonly splitter: LineSplitter;
  /** `scheduler-1/4711`; null until hello. */
  peer: string | null;
  name: string;
}

/**
 * Between the schedulers' hand-off executors and the fleet. It delivers each workload once, and notifies the scheduler
 * that holds a key how the life ended, until that scheduler acknowledges it.
 */
export class Dispatcher {
  /** The value for WINDTUNNEL_HANDOFF. */
  readonly address: string;
  readonly #options: DispatcherOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #register: Register;
  readonly #outbox: Outbox;
  /** Ends that are sent a second time, and revocations that take time. */
  readonly #later = new Set<NodeJS.Timeout>();
  #closing: Promise<void> | null = null;

  private constructor(address: string, server: Server, options: DispatcherOptions) {
    this.address = address;
    this.#server = server;
    this.#options = options;
    const forgetAfterMs = options.forgetAfterMs ?? 600_000;
    this.#register = new Register(forgetAfterMs);
    this.#outbox = new Outbox(forgetAfterMs);
    server.on('connection', (socket) => this.#accept(socket));
    server.on('error', (error) => this.#report('the hand-off socket failed', error));
  }

  static async listen(options: DispatcherOptions): Promise<Dispatcher> {
    const server = createServer();
    const address = await listenAt(server, options.address, options.elsewhere);
    return new Dispatcher(address, server, options);
  }

  /**
   * The life of this delivery is about to ask for its deferral. The task may be handed over again before the answer is
   * there, and that is a life of its own then, not the same workload delivered twice.
   */
  leave(delivery: number): void {
    this.#register.leave(delivery);
  }

  /**
   * The life of this workload has ended and the API has accepted its end. `which` is the delivery's number, or the task
   * instance's id or key for its newest delivery. False when nothing of that name is live. With `againAfterMs` the
   * schedulers are notified twice, as by a queue of which the results are read twice.
   */
  end(which: string | TaskKey | number, outcome: LifeOutcome, againAfterMs?: number): boolean {
    const entry = this.#register.end(which, outcome, Date.now());
    if (entry === undefined) return false;
    for (const { peer } of entry.holders) this.#owe(peer, entry);
    if (againAfterMs === undefined) return true;
    this.#after(againAfterMs, () => {
      for (const { peer } of entry.holders) this.#owe(peer, entry, true);
    });
    return true;
  }

  /** How often schedulers handed this task instance over, resends after a reconnect not counted. */
  deliveriesOf(tiId: string): number {
    return this.#register.deliveriesOf(tiId);
  }

  known(): HandOffCounts {
    const executors = [...this.#connections].filter((connection) => connection.peer !== null).length;
    return { ...this.#register.counts(), executors, owed: this.#outbox.size };
  }

  /** Idempotent and bounded; removes the socket file. Schedulers keep what is unacknowledged and knock again. */
  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  async #shut(): Promise<void> {
    for (const timer of this.#later) clearTimeout(timer);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { socket } of this.#connections) socket.end();
    const timer = setTimeout(() => {
      for (const { socket } of this.#connections) socket.destroy();
    }, CLOSE_MS);
    await closed;
    clearTimeout(timer);
    const path = unixPath(this.address);
    if (path !== null) await rm(path, { force: true });
  }

  #accept(socket: Socket): void {
    const connection: Connection = { socket, splitter: new LineSplitter(LINE_LIMIT), peer: null, name: '?' };
    this.#connections.add(connection);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(connection, chunk));
    // A reset is what a killed scheduler looks like: 'close' follows.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#gone(connection));
  }

  #gone(connection: Connection): void {
    this.#connections.delete(connection);
    if (connection.peer === null) return;
    this.#outbox.away(connection.peer, Date.now());
    connection.peer = null;
  }

  #read(connection: Connection, chunk: Buffer): void {
    let lines: string[];
    try {
      lines = connection.splitter.push(chunk);
    } catch (error) {
      this.#report(`hand-off from ${connection.name}`, error);
      connection.socket.destroy();
      return;
    }
    for (const line of lines) {
      let message: FromExecutor;
      try {
        message = parseMessage(line);
      } catch (error) {
        this.#report(`hand-off from ${connection.name}`, error);
        continue;
      }
      this.#answer(connection, message);
    }
  }

  #answer(connection: Connection, message: FromExecutor): void {
    if (message.type === 'hello') {
      this.#welcome(connection, message);
      return;
    }
    const { peer } = connection;
    if (peer === null) {
      this.#report(`hand-off from ${connection.name}`, new Error(`${message.type} came before hello`));
      return;
    }
    switch (message.type) {
      case 'workload':
        this.#deliver(connection, peer, message.seq, message.workload);
        return;
      case 'ended_ack':
        this.#outbox.acknowledged(peer, message.seq);
        return;
      case 'adopt':
        this.#adopt(connection, peer, message.seq, message.keys);
        return;
      case 'revoke':
        this.#revoke(connection, message.seq, message.key);
        return;
      default:
        message satisfies never;
    }
  }

  /** A queue may take its time: until then the worker does not know of it. */
  #revoke(connection: Connection, seq: number, key: TaskKey): void {
    const revoke = () => {
      const delivery = this.#register.revoke(key);
      try {
        if (delivery !== undefined) this.#options.onRevoke?.(key, delivery);
      } catch (error) {
        this.#report('onRevoke failed', error);
      }
      this.#send(connection, { type: 'ack', seq });
    };
    const takesMs = this.#options.revokeTakesMs?.() ?? 0;
    // At once, not in the next tick: the same workload may follow on its heels.
    if (takesMs <= 0) revoke();
    else this.#after(takesMs, revoke);
  }

  /** Not once the dispatcher is closed. */
  #after(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#later.delete(timer);
      action();
    }, ms);
    this.#later.add(timer);
  }

  #welcome(connection: Connection, hello: Extract<FromExecutor, { type: 'hello' }>): void {
    const peer = `${hello.process}/${hello.pid}`;
    // The same process again: it dropped its older connection, of which the end may arrive later.
    for (const other of [...this.#connections]) {
      if (other === connection || other.peer !== peer) continue;
      other.socket.destroy();
      this.#gone(other);
    }
    connection.peer = peer;
    connection.name = hello.process;
    for (const message of this.#outbox.back(peer)) this.#send(connection, message);
  }

  #deliver(connection: Connection, peer: string, seq: number, workload: Workload): void {
    const delivery = this.#register.deliver(workload, peer, seq);
    if (typeof delivery === 'number') {
      try {
        this.#options.onWorkload(workload, connection.name, new Delivery(delivery, workload.ti.id, this));
      } catch (error) {
        this.#report('onWorkload failed', error);
        // Not handed over, so not acknowledged: forgotten here, and new when the scheduler sends it again.
        this.#register.forget(workload);
        return;
      }
    }
    this.#send(connection, { type: 'ack', seq });
  }

  #adopt(connection: Connection, peer: string, seq: number, keys: readonly TaskKey[]): void {
    const adopted = this.#register.adopt(keys, peer);
    this.#send(connection, { type: 'adopted', seq, keys: adopted.map((entry) => entry.key) });
    // Ended while its scheduler was dying: the new owner has to be notified, or it would hold the slot forever.
    for (const entry of adopted) this.#owe(peer, entry);
  }

  #owe(peer: string, entry: Entry, again = false): void {
    const { key, outcome } = entry;
    if (outcome === null) return;
    const of = holderOf(entry, peer)?.seq ?? null;
    const ended = { key, outcome, of, ...(again ? { again: true as const } : {}) };
    const message = this.#outbox.add(peer, ended, Date.now());
    for (const connection of this.#connections) if (connection.peer === peer) this.#send(connection, message);
  }

  /** The messages of one turn of the event loop are one write: in a busy second there are tens of thousands. */
  #send(connection: Connection, message: ToExecutor): void {
    const { socket } = connection;
    if (socket.destroyed || !socket.writable) return;
    if (socket.writableCorked === 0) {
      socket.cork();
      setImmediate(() => socket.uncork());
    }
    socket.write(`${JSON.stringify(message)}\n`);
    if (socket.writableLength > WRITE_LIMIT) socket.destroy();
  }

  #report(what: string, error: unknown): void {
    this.#options.onError?.(new Error(`${what}: ${messageOf(error)}`, { cause: error }));
  }
}
