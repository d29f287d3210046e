import { timers } from './timers.ts';

/**
 * Whether and when something is cancelled: what a life needs of an `AbortSignal`, which is one. k6 has none, and ten
 * thousand lives need something smaller.
 */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason: Error | undefined;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: CancelListener): void;
  removeEventListener(type: 'abort', listener: CancelListener): void;
}

type CancelListener = (() => void) | { handleEvent(): void };

/** Cancels once; each listener is called once. */
export class CancelSource implements CancelSignal {
  aborted = false;
  reason: Error | undefined;
  /** Few at a time, and none for most of a life. */
  #listeners: CancelListener[] | undefined;

  cancel(reason = new Error('cancelled')): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listeners = this.#listeners ?? [];
    this.#listeners = undefined;
    for (const listener of listeners) typeof listener === 'function' ? listener() : listener.handleEvent();
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  addEventListener(_type: 'abort', listener: CancelListener): void {
    if (this.aborted) return;
    this.#listeners ??= [];
    this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: CancelListener): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners?.splice(at, 1);
  }
}

/** Resolves after so many milliseconds; rejects with the reason of the first signal that is cancelled before. */
export function cancellableSleep(ms: number, ...signals: readonly CancelSignal[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      timers.clear(timer);
      for (const signal of signals) signal.removeEventListener('abort', fail);
    };
    const fail = () => {
      stop();
      reject(signals.find(({ aborted }) => aborted)?.reason);
    };
    const timer = timers.set(
      () => {
        stop();
        resolve();
      },
      Math.max(0, ms),
      undefined,
    );
    for (const signal of signals) signal.addEventListener('abort', fail);
    if (signals.some(({ aborted }) => aborted)) fail();
  });
}
