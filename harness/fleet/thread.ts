/** One thread of the fleet: plays the lives that it is given, and tells of them in batches. Started by threads.ts. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../model/errors.ts';
import type { LifeEnd, Operation } from '../model/operation.ts';
import { RunClock } from '../run-folder/clock.ts';
import { Ending } from '../worker/cancel.ts';
import { Disturbances, type Struck } from '../worker/hazards.ts';
import type { OperationBook } from '../worker/requests.ts';
import type { Hooks } from './engines/engine.ts';
import { Native } from './engines/native.ts';
import { count } from './tally.ts';
import type { Batch, FromThread, ThreadStart, ToThread } from './thread-protocol.ts';

/** The schedulers hear of a life's end so much later; each batch is a message, and costs as much as a request. */
const BATCH_MS = 10;
const NS_PER_MS = 1e6;
const LOOP_RESOLUTION_MS = 10;

const port = parentPort;
if (!port) throw new Error('thread.ts is started as a thread');
const { fleet, executionUrls, clock: shared, correlation, first, step } = workerData as ThreadStart;
const say = (message: FromThread) => port.postMessage(message);
const clock = new RunClock(shared);
const disturbances = new Disturbances();
const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
loop.enable();

/** Rows as lines: what crosses threads is text, which is copied at once and written as it is. */
class BatchBook implements OperationBook {
  readonly correlation = correlation;
  #next = first;
  #timer: NodeJS.Timeout | undefined;
  #lines: string[] = [];
  #ends: [number, LifeEnd | { readonly failed: string }][] = [];
  #latencies: number[] = [];
  #counts = { sent: 0, ended: 0, http409: 0, http5xx: 0 };
  #lastFailure: string | undefined;

  take(): number {
    const number = this.#next;
    this.#next += step;
    return number;
  }

  sent(): void {
    this.#counts.sent++;
    this.#soon();
  }

  ended(row: Operation, status: number | null): void {
    this.#lastFailure = count(this.#counts, row, status) ?? this.#lastFailure;
    if (row.ended_ms !== null) this.#latencies.push(row.ended_ms - row.intended_ms);
    this.#lines.push(JSON.stringify(row));
    this.#soon();
  }

  over(life: number, end: LifeEnd | { readonly failed: string }): void {
    this.#ends.push([life, end]);
    this.#soon();
  }

  tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines.join('\n');
    const loopDelayMs = Math.max(0, loop.max / NS_PER_MS - LOOP_RESOLUTION_MS);
    const batch: Batch = {
      lines,
      ends: this.#ends,
      latencies: this.#latencies,
      lastFailure: this.#lastFailure,
      loopDelayMs,
      connections: native.connections,
      ...this.#counts,
    };
    say({ say: 'batch', ...batch });
    loop.reset();
    this.#lines = [];
    this.#ends = [];
    this.#latencies = [];
    this.#counts = { sent: 0, ended: 0, http409: 0, http5xx: 0 };
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.tell(), BATCH_MS);
  }
}

/** A life of this thread: what it has to say goes to the fleet's. */
class Playing implements Hooks {
  readonly over = new Ending();
  revoked = false;
  left: (() => void) | undefined;
  readonly #life: number;

  constructor(life: number) {
    this.#life = life;
  }

  isRevoked(): boolean {
    return this.revoked;
  }

  onRevoked(): void {}

  onStarted(atMs: number): void {
    say({ say: 'started', life: this.#life, atMs });
  }

  onLeaving(): Promise<void> {
    return new Promise((left) => {
      this.left = left;
      say({ say: 'leaving', life: this.#life });
    });
  }
}

const book = new BatchBook();
const native = new Native({ fleet, executionUrls, clock, book, disturbances });
const playing = new Map<number, Playing>();
const windows = new Map<number, () => Struck>();

async function play(message: ToThread & { say: 'play' }): Promise<void> {
  const { birth } = message;
  const { life } = birth;
  const state = new Playing(life);
  playing.set(life, state);
  const end = await native.play(birth, state).catch((error: unknown) => ({ failed: messageOf(error) }));
  playing.delete(life);
  book.over(life, end);
}

async function hear(message: ToThread): Promise<void> {
  switch (message.say) {
    case 'play':
      return play(message);
    case 'over':
      return playing.get(message.life)?.over.end();
    case 'left':
      return playing.get(message.life)?.left?.();
    case 'revoked': {
      const state = playing.get(message.life);
      if (state) state.revoked = true;
      return;
    }
    case 'disturb':
      windows.set(message.window, disturbances.open(message.disturbance));
      return say({ say: 'disturbed', window: message.window });
    case 'heal': {
      const struck = windows.get(message.window)?.() ?? { times: 0, lives: 0 };
      return say({ say: 'healed', window: message.window, struck });
    }
    case 'close':
      book.tell();
      loop.disable();
      await native.close();
      port?.close();
      return;
    default:
      message satisfies never;
  }
}

port.on('message', (message: ToThread) => void hear(message));
