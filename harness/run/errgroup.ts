import { setMaxListeners } from 'node:events';

/**
 * Go's errgroup: the first failure cancels the others, and nothing is still running when this returns. Rejects with
 * the first failure; resolves when all have ended, also when they ended because `signal` was aborted.
 */
export async function runAll(
  signal: AbortSignal,
  activities: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failure = new AbortController();
  const joined = AbortSignal.any([signal, failure.signal]);
  // Each action under way listens to it.
  setMaxListeners(0, joined);
  const results = await Promise.allSettled(
    activities.map((start) =>
      start(joined).catch((error: unknown) => {
        if (!joined.aborted) failure.abort(error);
        throw error;
      }),
    ),
  );
  if (failure.signal.aborted) throw failure.signal.reason;
  const failed = results.find((result) => result.status === 'rejected');
  if (failed && !signal.aborted) throw failed.reason;
}
