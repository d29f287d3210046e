import type { Worker } from 'node:worker_threads';
import type { FleetDisturbance } from '../model/misbehaviour.ts';
import type { LifeEnd } from '../model/operation.ts';
import type { FleetSpec } from '../model/scenario.ts';
import type { RunClock } from '../run-folder/clock.ts';
import type { Struck } from '../worker/hazards.ts';
import type { Birth } from '../worker/life-spec.ts';
import type { ConnectionUse, Engine, Hooks } from './engines/engine.ts';
import type { EngineParts } from './fleet.ts';
import { startThread } from './start-thread.ts';
import type { Batch, FromThread, ThreadStart, ToThread } from './thread-protocol.ts';

const MODULE = new URL('./thread.ts', import.meta.url);
/** For its last batch, once its lives have ended. */
const CLOSE_MS = 5_000;

export interface ThreadsOptions {
  readonly threads: number;
  readonly fleet: FleetSpec;
  readonly executionUrls: readonly string[];
  readonly clock: RunClock;
  onError(error: Error): void;
}

interface Playing {
  readonly hooks: Hooks;
  readonly finish: (end: LifeEnd) => void;
  readonly fail: (error: Error) => void;
}

/**
 * The native fleet on several threads: each has connections, generators and an event loop of its own, and writes its
 * rows down as text; what it sends here is only to be written to the disk. Life n is played by thread n.
 */
export class Threads implements Engine {
  readonly #threads: readonly Thread[];
  readonly #book: EngineParts['book'];

  constructor(options: ThreadsOptions, { book, disturbances }: EngineParts) {
    this.#book = book;
    const { threads, fleet, executionUrls, clock, onError } = options;
    this.#threads = Array.from({ length: threads }, (_, i) => {
      const connections = Math.max(1, Math.floor(fleet.connections / threads));
      const start: ThreadStart = {
        fleet: { ...fleet, connections },
        executionUrls,
        clock: clock.shared,
        correlation: book.correlation,
        ...book.share(i, threads),
      };
      return new Thread(start, (batch) => this.#book.add(batch), onError);
    });
    disturbances.relay = async (disturbance) => {
      const heals = await Promise.all(this.#threads.map((thread) => thread.disturb(disturbance)));
      return async () => {
        const struck = await Promise.all(heals.map((heal) => heal()));
        return struck.reduce((all, one) => ({ times: all.times + one.times, lives: all.lives + one.lives }));
      };
    };
  }

  takeLoopDelayMs(): number {
    return Math.max(...this.#threads.map((thread) => thread.takeLoopDelayMs()));
  }

  get connections(): ConnectionUse {
    return this.#threads.reduce(
      ({ limit, waiting }, { connections }) => ({
        limit: limit + connections.limit,
        waiting: waiting + connections.waiting,
      }),
      { limit: 0, waiting: 0 },
    );
  }

  play(birth: Birth, hooks: Hooks): Promise<LifeEnd> {
    const thread = this.#threads[birth.life % this.#threads.length];
    if (!thread) throw new Error('a fleet of no threads');
    return thread.play(birth, hooks);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

class Thread {
  readonly #worker: Worker;
  readonly #playing = new Map<number, Playing>();
  readonly #opened = new Map<number, () => void>();
  readonly #healed = new Map<number, (struck: Struck) => void>();
  readonly #ended: Promise<void>;
  readonly #onBatch: (batch: Batch) => void;
  #windows = 0;
  connections: ConnectionUse = { limit: 0, waiting: 0 };
  #loopDelayMs = 0;
  #closing = false;

  constructor(start: ThreadStart, onBatch: (batch: Batch) => void, onError: (error: Error) => void) {
    this.#onBatch = onBatch;
    this.#worker = startThread(MODULE, start);
    this.#worker.on('message', (message: FromThread) => this.#hear(message));
    this.#ended = new Promise((resolve) => {
      this.#worker.on('error', (error) =>
        this.#lose(error instanceof Error ? error : new Error(String(error)), onError),
      );
      this.#worker.on('exit', () => {
        if (!this.#closing) this.#lose(new Error('a thread of the fleet ended'), onError);
        resolve();
      });
    });
  }

  takeLoopDelayMs(): number {
    const ms = this.#loopDelayMs;
    this.#loopDelayMs = 0;
    return ms;
  }

  play(birth: Birth, hooks: Hooks): Promise<LifeEnd> {
    const { life } = birth;
    return new Promise((finish, fail) => {
      this.#playing.set(life, { hooks, finish, fail });
      this.#say({ say: 'play', birth });
      hooks.over.addEventListener('abort', () => this.#say({ say: 'over', life }));
      hooks.onRevoked(() => this.#say({ say: 'revoked', life }));
      if (hooks.over.aborted) this.#say({ say: 'over', life });
    });
  }

  async disturb(disturbance: FleetDisturbance): Promise<() => Promise<Struck>> {
    const window = ++this.#windows;
    await new Promise<void>((opened) => {
      this.#opened.set(window, opened);
      this.#say({ say: 'disturb', window, disturbance });
    });
    let healing: Promise<Struck> | undefined;
    return () => {
      healing ??= new Promise((healed) => {
        this.#healed.set(window, healed);
        this.#say({ say: 'heal', window });
      });
      return healing;
    };
  }

  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#say({ say: 'close' });
    }
    const late = setTimeout(() => void this.#worker.terminate(), CLOSE_MS);
    await this.#ended;
    clearTimeout(late);
  }

  #say(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromThread): void {
    switch (message.say) {
      case 'batch': {
        this.#loopDelayMs = Math.max(this.#loopDelayMs, message.loopDelayMs);
        this.connections = message.connections;
        this.#onBatch(message);
        for (const [life, end] of message.ends) this.#end(life, end);
        return;
      }
      case 'started':
        this.#playing.get(message.life)?.hooks.onStarted(message.atMs);
        return;
      case 'leaving':
        this.#playing.get(message.life)?.hooks.onLeaving();
        this.#say({ say: 'left', life: message.life });
        return;
      case 'disturbed':
        this.#opened.get(message.window)?.();
        this.#opened.delete(message.window);
        return;
      case 'healed':
        this.#healed.get(message.window)?.(message.struck);
        this.#healed.delete(message.window);
        return;
      default:
        message satisfies never;
    }
  }

  #end(life: number, end: LifeEnd | { readonly failed: string }): void {
    const playing = this.#playing.get(life);
    this.#playing.delete(life);
    if (typeof end === 'string') playing?.finish(end);
    else playing?.fail(new Error(end.failed));
  }

  /** What its lives have done is not known any more. */
  #lose(error: Error, onError: (error: Error) => void): void {
    for (const { finish } of this.#playing.values()) finish('lost');
    this.#playing.clear();
    for (const opened of this.#opened.values()) opened();
    for (const healed of this.#healed.values()) healed({ times: 0, lives: 0 });
    onError(error);
  }
}
