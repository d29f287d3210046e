import type { Dispatcher, Pool } from 'undici';

import type { Over } from '../life/over.ts';
import type { Received } from '../life/requests.ts';

/**
 * One request, and its answer read whole. It goes through undici's `dispatch` and not its `request`: an answer of the
 * Execution API is a few hundred bytes or none, and a stream for each would cost more than the request. Rejects with
 * undici's error (its `code` says which) where there is no answer, and with the reason of `over` when that ends.
 */
export function exchange(pool: Pool, options: Dispatcher.DispatchOptions, over: Over): Promise<Received> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let received: Omit<Received, 'text'> | undefined;
    let text: Buffer | undefined;
    const leave = () => {
      const reason = over.reason ?? new Error('over');
      reject(reason);
      controller?.abort(reason);
    };
    const settled = () => over.removeEventListener('abort', leave);
    over.addEventListener('abort', leave);
    pool.dispatch(options, {
      onRequestStart(started) {
        controller = started;
        if (over.aborted) leave();
      },
      onResponseStart(_controller, status, headers) {
        received = { status, headers };
      },
      onResponseData(_controller, chunk) {
        text = text ? Buffer.concat([text, chunk]) : chunk;
      },
      onResponseEnd() {
        settled();
        if (received) resolve({ ...received, text: text?.toString('utf8') ?? '' });
        else reject(new Error('an answer without a status'));
      },
      onResponseError(_controller, error) {
        settled();
        reject(error);
      },
    });
  });
}
