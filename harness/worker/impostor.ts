import { CancelSource, cancellableSleep } from './cancel.ts';
import type { LifeContext } from './context.ts';
import type { RequestSpec } from './requests.ts';

/** Added to the owner's pid, which is below 31,000: another process on another host. */
const PID_OFFSET = 31_000;

/** A request about the owner's task instance, with the newest token that the owner has. */
type OwnersRequest = (
  draft: Pick<RequestSpec, 'kind' | 'method' | 'body' | 'requested'> & { readonly route: string },
) => RequestSpec;

/** The owner's work with an impostor beside it, from `atMs` on the run's clock; it is gone when the work is done. */
export async function besideImpostor<T>(
  context: LifeContext,
  atMs: number,
  request: OwnersRequest,
  work: () => Promise<T>,
): Promise<T> {
  const done = new CancelSource();
  // It rejects only when the work is done or the run is cancelled.
  const impostor = intrude(context, atMs, request, done).catch(() => undefined);
  try {
    return await work();
  } finally {
    done.cancel();
    // Its request must not arrive when the task has come back under the same id, as a deferred one does.
    await impostor;
  }
}

/**
 * A second worker that believes it runs the owner's task: a zombie of which the machine has come back, or one that got
 * a workload that was delivered twice. It sends a heartbeat, then a start; each once, because what a real one would do
 * next depends on how wrong the answer was.
 */
async function intrude(
  { spec: owner, requests, clock, hooks }: LifeContext,
  atMs: number,
  request: OwnersRequest,
  done: CancelSource,
): Promise<void> {
  const { cancel } = hooks;
  await cancellableSleep(atMs - clock.now(), done, cancel);
  const hostname = `${owner.worker}-impostor`;
  const pid = owner.pid + PID_OFFSET;
  const send = (spec: RequestSpec) =>
    requests.sendOnce({ ...spec, subject: { ...spec.subject, worker: hostname } }, cancel);
  await send(request({ kind: 'impostor_heartbeat', method: 'PUT', route: 'heartbeat', body: { hostname, pid } }));
  if (done.aborted || cancel.aborted) return;
  const body = {
    state: 'running',
    hostname,
    unixname: 'sim',
    pid,
    start_date: new Date(clock.startedAt.getTime() + clock.now()).toISOString(),
  };
  await send(request({ kind: 'impostor_run', method: 'PATCH', route: 'run', body, requested: 'running' }));
}
