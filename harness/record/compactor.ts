import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';

import { messageOf } from '../model/errors.ts';
import type { TableName } from '../model/tables.ts';
import { startThread } from './thread.ts';

export interface CompactorTask {
  readonly table: TableName;
  readonly segment: number;
}

export interface CompactorAnswer {
  /** Null if the segment is Parquet now. */
  readonly error: string | null;
}

/**
 * Turns full segments of lines into Parquet while the run goes on, one after another, in a thread that is started for the
 * first of them. It is never needed: what it does not do, for whatever reason, is done when the run is closed, so that
 * its failures stop nothing and lose nothing.
 */
export class Compactor {
  readonly #runFolder: string;
  readonly #thread: URL;
  readonly #waiting: CompactorTask[] = [];
  #worker: Worker | undefined;
  #working: Promise<void> | undefined;
  #over = false;
  /** How many segments it made, and how many it had to leave as lines. */
  readonly counts = { compacted: 0, left: 0 };

  constructor(runFolder: string, thread = new URL('./compactor-thread.ts', import.meta.url)) {
    this.#runFolder = runFolder;
    this.#thread = thread;
  }

  add(table: TableName, segment: number): void {
    if (this.#over) return;
    this.#waiting.push({ table, segment });
    this.#working ??= this.#work();
  }

  /** Resolves when it touches nothing any more: whoever closes the tables does the rest. */
  async close(): Promise<void> {
    this.#over = true;
    this.#worker?.ref();
    await this.#working;
    await this.#worker?.terminate();
  }

  async #work(): Promise<void> {
    for (let task = this.#waiting.shift(); task && !this.#over; task = this.#waiting.shift()) {
      if ((await this.#ask(task)) === null) this.counts.compacted++;
      else this.counts.left++;
    }
    this.#working = undefined;
  }

  async #ask(task: CompactorTask): Promise<string | null> {
    const asked = new AbortController();
    const { signal } = asked;
    try {
      this.#worker ??= this.#start();
      const answered = once(this.#worker, 'message', { signal });
      const ended = once(this.#worker, 'exit', { signal }).then(() => [{ error: 'its thread ended' }]);
      this.#worker.postMessage(task);
      const [answer]: CompactorAnswer[] = await Promise.race([answered, ended]);
      return answer ? answer.error : 'it did not answer';
    } catch (error) {
      return messageOf(error);
    } finally {
      asked.abort();
    }
  }

  #start(): Worker {
    const worker = startThread(this.#thread, { runFolder: this.#runFolder });
    // Nobody waits for it but `close`.
    worker.unref();
    // Said to whoever asked it for something; and without a listener, an error would end the harness.
    worker.on('error', () => undefined);
    // The next segment has a thread of its own again.
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }
}
