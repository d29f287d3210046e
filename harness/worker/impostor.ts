import type { Clock } from '../model/clock.ts';
import { Ending, type Over, pause } from './cancel.ts';
import type { RequestSpec, Requests } from './requests.ts';

/** Added to the owner's pid, which is below 31,000: another process on another host. */
const PID_OFFSET = 31_000;

export interface ImpostorContext {
  /** Host name and pid of the worker whose task it is. */
  readonly owner: { readonly worker: string; readonly pid: number };
  /** A request about the owner's task instance, with the newest token that the owner has. */
  request(kind: RequestSpec['kind'], method: RequestSpec['method'], route: string, body: unknown): RequestSpec;
  readonly atMs: number;
  readonly requests: Requests;
  readonly clock: Clock;
  /** The run is over. */
  readonly over: Over;
}

/** The owner's work with an impostor beside it, who is gone when the work is done. */
export async function besideImpostor<T>(context: ImpostorContext, work: () => Promise<T>): Promise<T> {
  const done = new Ending();
  // It rejects only when the work is done or the run is over.
  const impostor = intrude(context, done).catch(() => undefined);
  try {
    return await work();
  } finally {
    done.end();
    // Its request must not arrive when the task has come back under the same id, as a deferred one does.
    await impostor;
  }
}

/**
 * A second worker that believes it runs the owner's task: a zombie whose machine has come back, or one that got a
 * workload that was delivered twice. It says that it lives, then that it starts; each once, for what a real one would
 * do next depends on how wrong the answer was.
 */
async function intrude({ owner, request, atMs, requests, clock, over }: ImpostorContext, done: Over) {
  await pause(atMs - clock.now(), done, over);
  const hostname = `${owner.worker}-impostor`;
  const pid = owner.pid + PID_OFFSET;
  const send = (spec: RequestSpec) =>
    requests.sendOnce({ ...spec, subject: { ...spec.subject, worker: hostname } }, 1, over);
  await send(request('impostor_heartbeat', 'PUT', 'heartbeat', { hostname, pid }));
  if (done.aborted || over.aborted) return;
  const start = { state: 'running', hostname, unixname: 'sim', pid, start_date: new Date().toISOString() };
  await send({ ...request('impostor_run', 'PATCH', 'run', start), requested: 'running' });
}
