import type { Dispatcher, Pool } from 'undici';

import type { Over } from '../worker/cancel.ts';
import type { Received } from '../worker/requests.ts';

/**
 * One request, and its answer read whole. It goes through undici's `dispatch` and not its `request`: an answer of the
 * Execution API is a few hundred bytes or none, and a stream for each would cost more than the request. Rejects with
 * undici's error (its `code` says which) where there is no answer, and with the reason of `over` when that ends.
 */
export function exchange(pool: Pool, options: Dispatcher.DispatchOptions, over: Over): Promise<Received> {
  return new Promise((resolve, reject) => {
    const answer = new AnswerReader(resolve, reject, over);
    over.addEventListener('abort', answer);
    pool.dispatch(options, answer);
  });
}

class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #resolve: (received: Received) => void;
  readonly #reject: (error: unknown) => void;
  readonly #over: Over;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Received['headers'] = {};
  #text: Buffer | undefined;

  constructor(resolve: (received: Received) => void, reject: (error: unknown) => void, over: Over) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#over = over;
  }

  /** Of `over`. */
  handleEvent(): void {
    const reason = this.#over.reason ?? new Error('over');
    this.#reject(reason);
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over.aborted) this.handleEvent();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Received['headers']): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#text = this.#text ? Buffer.concat([this.#text, chunk]) : chunk;
  }

  onResponseEnd(): void {
    this.#over.removeEventListener('abort', this);
    const text = this.#text?.toString('utf8') ?? '';
    if (this.#status === 0) this.#reject(new Error('an answer without a status'));
    else this.#resolve({ status: this.#status, headers: this.#headers, text });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: unknown): void {
    this.#over.removeEventListener('abort', this);
    this.#reject(error);
  }
}
