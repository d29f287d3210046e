import { setTimeout as sleep } from 'node:timers/promises';
import { roundMs } from '../model/clock.ts';
import { StackError } from '../model/errors.ts';
import type { RunContext } from '../model/run-context.ts';
import type { Stack, SupervisedProcess } from '../model/stack.ts';
import { lastException } from '../record/server-log.ts';

/** As long as a service manager waits before it starts a service again; twice as long for one that dies young. */
const RESTART_AFTER_MS = 1_000;
const RESTART_AFTER_AT_MOST_MS = 8_000;
const YOUNG_MS = 15_000;
/** More deaths of one process than this are no accident of timing: the stack cannot be run. */
const DEATHS_MAX = 10;

type SupervisorContext = Pick<RunContext, 'record' | 'clock' | 'fail'>;
type SupervisedStack = Pick<Stack, 'processes' | 'restart'>;

/**
 * Does what systemd or Kubernetes does for Airflow in production: a process that dies is recorded and started again.
 * That it died is for the judge; only without PostgreSQL the run cannot continue. A process that the nemesis holds is
 * left alone and not recorded: the window of its fault explains its death.
 */
export class Supervisor {
  readonly #context: SupervisorContext;
  readonly #stack: SupervisedStack;
  readonly #held = new Map<string, Hold>();
  readonly #observing: AbortSignal;
  readonly #done: Promise<undefined>;

  /** `observing`: when it is aborted, the supervisor stops watching. */
  constructor(context: SupervisorContext, stack: SupervisedStack, observing: AbortSignal) {
    this.#context = context;
    this.#stack = stack;
    this.#observing = observing;
    this.#done = new Promise((resolve) => {
      if (observing.aborted) resolve(undefined);
      else observing.addEventListener('abort', () => resolve(undefined), { once: true });
    });
  }

  start(): void {
    const { fail } = this.#context;
    for (const process of this.#stack.processes) {
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
      // Not if another fault holds it by now.
      if (this.#held.get(name) === hold) this.#held.delete(name);
      hold.release();
      if (hold.waits) await hold.running;
    };
  }

  async #watch(first: SupervisedProcess): Promise<void> {
    const { fail } = this.#context;
    const stack = this.#stack;
    let young = 0;
    let deaths = 0;
    for (let process = first; ; ) {
      const startedMs = performance.now();
      // A stack may outlive many runs: waiting for its processes alone would keep each run in memory.
      const how = await Promise.race([process.ended, this.#done]);
      if (this.#observing.aborted || how === undefined) return;
      if (!this.#held.has(process.name)) {
        const why = this.#note(process, how);
        if (process.name === 'postgres' || !stack.restart || ++deaths > DEATHS_MAX) {
          fail(new StackError(`${process.name} ${how} in mid-run${why} (see ${process.log}).`));
          return;
        }
        young = performance.now() - startedMs < YOUNG_MS ? young + 1 : 1;
        await sleep(Math.min(RESTART_AFTER_MS * 2 ** (young - 1), RESTART_AFTER_AT_MOST_MS));
      }
      const hold = this.#held.get(process.name);
      if (hold) hold.waits = true;
      await hold?.released;
      const next = this.#observing.aborted ? undefined : stack.restart?.(process.name);
      hold?.restarted();
      if (!next) return;
      process = next;
    }
  }

  /** Returns the exception that its log ends with, as the end of a sentence. */
  #note({ name, pid, log }: SupervisedProcess, how: string): string {
    const { record, clock } = this.#context;
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
