import { setTimeout as sleep } from 'node:timers/promises';
import { roundMs } from '../model/clock.ts';
import { StackError } from '../model/errors.ts';
import type { Stack, SupervisedProcess } from '../model/stack.ts';
import { lastException } from '../record/server-log.ts';
import type { RunClock } from '../run-folder/clock.ts';
import type { RunFolder } from '../run-folder/writer.ts';

/** As long as a service manager waits before it starts a service again; twice as long for one that dies young. */
const RESTART_AFTER_MS = 1_000;
const RESTART_AFTER_AT_MOST_MS = 8_000;
const YOUNG_MS = 15_000;
/** More deaths of one process than this are no accident of timing: the stack cannot be run. */
const DEATHS_MAX = 10;

export interface Supervision {
  readonly stack: Pick<Stack, 'processes' | 'restart'>;
  readonly record: RunFolder;
  readonly clock: RunClock;
  fail(error: Error): void;
  readonly over: AbortSignal;
}

/**
 * Does what systemd or Kubernetes does for Airflow in production: a process that dies is written down and started
 * again. That it died is for the judge; only without PostgreSQL can a run not go on. What the nemesis holds is left
 * alone and not written down: the window of its fault says why it is dead.
 */
export class Supervisor {
  readonly #options: Supervision;
  readonly #held = new Map<string, Hold>();
  readonly #over: Promise<undefined>;

  constructor(options: Supervision) {
    this.#options = options;
    this.#over = new Promise((resolve) => {
      if (options.over.aborted) resolve(undefined);
      else options.over.addEventListener('abort', () => resolve(undefined), { once: true });
    });
  }

  start(): void {
    const { stack, fail } = this.#options;
    for (const process of stack.processes) {
      void this.#watch(process).catch((error: unknown) =>
        fail(error instanceof Error ? error : new Error(String(error))),
      );
    }
  }

  /** See `Site.hold`. */
  hold(name: string): () => Promise<void> {
    const hold = newHold();
    this.#held.set(name, hold);
    return async () => {
      // Not if somebody else holds it by now.
      if (this.#held.get(name) === hold) this.#held.delete(name);
      hold.release();
      if (hold.waits) await hold.running;
    };
  }

  async #watch(first: SupervisedProcess): Promise<void> {
    const { stack, fail, over } = this.#options;
    let young = 0;
    let deaths = 0;
    for (let process = first; ; ) {
      const bornMs = performance.now();
      // A stack may outlive many runs: who waited for its processes to end would keep each run in memory.
      const how = await Promise.race([process.ended, this.#over]);
      if (over.aborted || how === undefined) return;
      if (!this.#held.has(process.name)) {
        const why = this.#note(process, how);
        if (process.name === 'postgres' || !stack.restart || ++deaths > DEATHS_MAX) {
          fail(new StackError(`${process.name} ${how} in mid-run${why} (see ${process.log}).`));
          return;
        }
        young = performance.now() - bornMs < YOUNG_MS ? young + 1 : 1;
        await sleep(Math.min(RESTART_AFTER_MS * 2 ** (young - 1), RESTART_AFTER_AT_MOST_MS));
      }
      const hold = this.#held.get(process.name);
      if (hold) hold.waits = true;
      await hold?.released;
      const next = over.aborted ? undefined : stack.restart?.(process.name);
      hold?.restarted();
      if (!next) return;
      process = next;
    }
  }

  /** Returns the exception that its log ends with, as the end of a sentence. */
  #note({ name, pid, log }: SupervisedProcess, how: string): string {
    const { record, clock } = this.#options;
    const exception = lastException(log);
    const why = exception ? `: ${exception}` : '';
    const row = { at_ms: roundMs(clock.now()), source: name, pid, severity: 'FATAL', message: `${name} ${how}${why}` };
    record.append('server_log', row);
    return why;
  }
}

interface Hold {
  readonly released: Promise<void>;
  release(): void;
  readonly running: Promise<void>;
  restarted(): void;
  /** The process has ended, and is started again when the hold is released. */
  waits: boolean;
}

function newHold(): Hold {
  let release = (): void => undefined;
  let restarted = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const running = new Promise<void>((resolve) => {
    restarted = resolve;
  });
  return { released, release, running, restarted, waits: false };
}
