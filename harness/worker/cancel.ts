/**
 * That something is over: what lives need of an `AbortSignal`, which is one. k6 has none, and ten thousand lives need
 * something smaller.
 */
export interface Over {
  readonly aborted: boolean;
  readonly reason: Error | undefined;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: Listener): void;
  removeEventListener(type: 'abort', listener: Listener): void;
}

type Listener = (() => void) | { handleEvent(): void };

/** Ends once; who listens hears it once. */
export class Ending implements Over {
  aborted = false;
  reason: Error | undefined;
  /** Few at a time, and none for most of a life. */
  #listeners: Listener[] | undefined;

  end(reason = new Error('over')): void {
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

  addEventListener(_type: 'abort', listener: Listener): void {
    if (this.aborted) return;
    this.#listeners ??= [];
    this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: Listener): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners?.splice(at, 1);
  }
}

/** Resolves after so many milliseconds; rejects with the reason of the first that ends before. */
export function pause(ms: number, ...overs: readonly Over[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      for (const over of overs) over.removeEventListener('abort', fail);
    };
    const fail = () => {
      stop();
      reject(overs.find(({ aborted }) => aborted)?.reason);
    };
    const timer = setTimeout(
      () => {
        stop();
        resolve();
      },
      Math.max(0, ms),
    );
    for (const over of overs) over.addEventListener('abort', fail);
    if (overs.some(({ aborted }) => aborted)) fail();
  });
}
