import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';

import { messageOf, StackError } from '../model/errors.ts';
import { SECRET_LENGTH } from '../model/secret.ts';
import { type ConnectionsOptions, type Executor, ExecutorConnections } from './connections.ts';
import { Delivery } from './delivery.ts';
import { listenAt, unixPath } from './listen.ts';
import { Outbox } from './outbox.ts';
import type { Welcome } from './protocol.ts';
import { type Entry, holderOf, Register } from './register.ts';
import type { LifeOutcome, TaskKey, Workload } from './workload.ts';

const CALM: Welcome = { behaviour: 'calm', task_uuid: false };
/** Each is a row of the record, which others must not fill. */
const REFUSALS_REPORTED = 100;

export interface DispatcherOptions {
  /** `unix:/path/to.sock` or `tcp:127.0.0.1:port`, port 0 for a free one. */
  readonly address: string;
  /** The owner of the target allows an address of another host than loopback. */
  readonly elsewhere?: boolean;
  /** What each executor must know, at least 16 characters; needed for `tcp:`. For `unix:` the file's mode decides. */
  readonly token?: string | undefined;
  /**
   * Whether a workload is the harness's to have; absent: each is. One that is not stays unacknowledged and unknown: its
   * scheduler keeps it, until Airflow revokes it.
   */
  accepts?(workload: Workload, from: string): boolean;
  /** The first message to each executor; absent: it is to be calm. */
  readonly welcome?: Welcome;
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
  /**
   * A connection was closed because of what came through it: a port scanner's, or that of an executor of another
   * version. Only called for the first hundred.
   */
  onRefused?(why: string): void;
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

/**
 * Between the schedulers' hand-off executors and the fleet. It delivers each workload once, and notifies the scheduler
 * that holds a key how the life ended, until that scheduler acknowledges it.
 */
export class Dispatcher {
  /** The value for WINDTUNNEL_HANDOFF. */
  readonly address: string;
  readonly #options: DispatcherOptions;
  readonly #connections: ExecutorConnections;
  readonly #register: Register;
  readonly #outbox: Outbox;
  /** Ends that are sent a second time, and revocations that take time. */
  readonly #later = new Set<NodeJS.Timeout>();
  #closing: Promise<void> | null = null;
  #refused: string | undefined;
  #refusals = 0;

  private constructor(address: string, server: Server, options: DispatcherOptions) {
    this.address = address;
    this.#options = options;
    const forgetAfterMs = options.forgetAfterMs ?? 600_000;
    const run = randomUUID();
    this.#register = new Register(forgetAfterMs, { reportsOlder: options.welcome?.behaviour === 'local' });
    this.#outbox = new Outbox(forgetAfterMs);
    this.#connections = new ExecutorConnections(server, {
      token: unixPath(address) === null ? options.token : undefined,
      onHello: ({ peer }) => {
        this.#connections.send(peer, { type: 'welcome', run, ...(options.welcome ?? CALM) });
        for (const message of this.#outbox.back(peer)) this.#connections.send(peer, message);
      },
      onMessage: (executor, message) => this.#answer(executor, message),
      onGone: ({ peer }) => this.#outbox.away(peer, performance.now()),
      onRefused: (why) => {
        this.#refused = why;
        if (++this.#refusals <= REFUSALS_REPORTED) this.#options.onRefused?.(why);
      },
    });
    server.on('error', (error) => this.#report('the hand-off socket failed', error));
  }

  static async listen(options: DispatcherOptions): Promise<Dispatcher> {
    if (unixPath(options.address) === null && (options.token ?? '').length < SECRET_LENGTH)
      throw new StackError(`a hand-off at ${options.address} needs a token of at least ${SECRET_LENGTH} characters`);
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
    const entry = this.#register.end(which, outcome, performance.now());
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
    return { ...this.#register.counts(), executors: this.#connections.count, owed: this.#outbox.size };
  }

  /** Why the last connection that was refused was. */
  get refused(): string | undefined {
    return this.#refused;
  }

  /** Idempotent and bounded; removes the socket file. Schedulers keep what is unacknowledged and knock again. */
  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  async #shut(): Promise<void> {
    for (const timer of this.#later) clearTimeout(timer);
    await this.#connections.close();
    const path = unixPath(this.address);
    if (path !== null) await rm(path, { force: true });
  }

  #answer(executor: Executor, message: Parameters<ConnectionsOptions['onMessage']>[1]): void {
    const { peer } = executor;
    switch (message.type) {
      case 'workload':
        this.#deliver(executor, message.seq, message.workload);
        return;
      case 'ended_ack':
        this.#outbox.acknowledged(peer, message.seq);
        return;
      case 'adopt':
        this.#adopt(peer, message.seq, message.keys);
        return;
      case 'revoke':
        this.#revoke(peer, message.seq, message.key);
        return;
      default:
        message satisfies never;
    }
  }

  /** A queue may take its time: until then the worker does not know of it. */
  #revoke(peer: string, seq: number, key: TaskKey): void {
    const revoke = () => {
      const delivery = this.#register.revoke(key);
      try {
        if (delivery !== undefined) this.#options.onRevoke?.(key, delivery);
      } catch (error) {
        this.#report('onRevoke failed', error);
      }
      this.#connections.send(peer, { type: 'ack', seq });
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

  #deliver({ peer, name }: Executor, seq: number, workload: Workload): void {
    if (this.#options.accepts?.(workload, name) === false) return;
    const delivery = this.#register.deliver(workload, peer, seq);
    if (typeof delivery === 'number') {
      try {
        this.#options.onWorkload(workload, name, new Delivery(delivery, workload.ti.id, this));
      } catch (error) {
        this.#report('onWorkload failed', error);
        // Not handed over, so not acknowledged: forgotten here, and new when the scheduler sends it again.
        this.#register.forget(workload);
        return;
      }
    }
    this.#connections.send(peer, { type: 'ack', seq });
  }

  #adopt(peer: string, seq: number, keys: readonly TaskKey[]): void {
    const adopted = this.#register.adopt(keys, peer);
    this.#connections.send(peer, { type: 'adopted', seq, keys: adopted.map((entry) => entry.key) });
    // Ended while its scheduler was dying: the new owner has to be notified, or it would hold the slot forever.
    for (const entry of adopted) this.#owe(peer, entry);
  }

  #owe(peer: string, entry: Entry, again = false): void {
    const { key, tiId, outcome } = entry;
    if (outcome === null) return;
    const of = holderOf(entry, peer)?.seq ?? null;
    const ended = { key, ti_id: tiId, outcome, of, ...(again ? { again: true as const } : {}) };
    const message = this.#outbox.add(peer, ended, performance.now());
    this.#connections.send(peer, message);
  }

  #report(what: string, error: unknown): void {
    this.#options.onError?.(new Error(`${what}: ${messageOf(error)}`, { cause: error }));
  }
}
