import { type Defect, oneIn } from './defect.ts';

/** Who may start a task and report on it, and how often. */
export const WORKER_DEFECTS: readonly Defect[] = [
  {
    name: 'double-dispatch',
    summary: 'one workload in ten is handed to two workers',
    story:
      'A queue that delivers at least once, or an executor that sends again what it believes lost. The API refuses ' +
      'the second worker if both are there at once; the task is still handed off twice for one queueing, and a slot ' +
      'and a pod are paid for nothing.',
    caughtBy: ['hand-off-follows-queueing'],
    scenario: 'crowd',
    change: () => ({
      deliveries: (workload) => (oneIn(10, `${workload.dag_id}/${workload.task_id}/${workload.try_number}`) ? 2 : 1),
    }),
  },

  {
    name: 'heartbeat-from-impostor',
    summary: 'a heartbeat is accepted from a worker that does not run the task',
    story:
      'The fast path of the heartbeat checks the state and forgets host and pid. A zombie that was replaced is never ' +
      'stopped, so two workers do the same work, and the heartbeats of another worker hide that a worker is dead.',
    caughtBy: ['impostors-are-refused'],
    scenario: 'crowd',
    change: () => ({
      async beat(db, id) {
        const { rowCount } = await db.query(
          `UPDATE task_instance SET last_heartbeat_at = now(), updated_at = now() WHERE id = $1 AND state = 'running'`,
          [id],
        );
        return rowCount === 1;
      },
    }),
  },

  {
    name: 'start-by-impostor',
    summary: 'a task that runs on one worker can be started on another',
    story:
      '/run may be repeated by the same worker, whose first answer was lost. Without the comparison of host, user ' +
      'and pid any worker may repeat it: a workload that was delivered twice runs twice, and the first worker, which ' +
      'works on for some seconds, ends the task under the second one.',
    caughtBy: ['impostors-are-refused', 'a-started-life-owns-its-task', 'an-end-comes-from-the-owner'],
    scenario: 'crowd',
    change: () => ({ mayStart: ({ state }) => state === 'queued' || state === 'restarting' || state === 'running' }),
  },

  {
    name: 'start-counted-again',
    summary: 'a start that is sent again is counted as another try',
    story:
      'The answer to a start is lost, and the client sends it again. Counted again, the task has one try fewer, its ' +
      'log is looked for under another number, and the history has a gap.',
    caughtBy: ['a-start-takes-effect-once', 'a-retry-is-a-retry'],
    scenario: 'mishaps',
    change: () => ({
      async startAgain(tx, ti) {
        await tx.query('UPDATE task_instance SET try_number = try_number + 1 WHERE id = $1', [ti.id]);
      },
    }),
  },

  {
    name: 'start-not-repeatable',
    summary: 'a worker that repeats /run, because the first answer was lost, is refused',
    story:
      'The state alone decides who may start. When the answer to a successful /run is lost, the worker sends it ' +
      'again and gets the answer that the task runs already. It drops the task, and no worker runs it until the ' +
      'heartbeat time-out.',
    caughtBy: ['running-is-not-overwritten'],
    scenario: 'mishaps',
    durationS: 45,
    faults: 'lost-answers',
    change: () => ({ mayStart: ({ state }) => state === 'queued' || state === 'restarting' }),
  },

  {
    name: 'superseded-try-accepted',
    summary: 'the heartbeat of a try that was cleared away is accepted',
    story:
      'The UPDATE matched no row, and the code does not check why. The worker of a try that an operator cleared is ' +
      'never stopped, so that the old and the new try work side by side until the old one ends.',
    caughtBy: ['a-superseded-try-is-refused'],
    scenario: 'mishaps',
    durationS: 30,
    change: (below) => ({
      missing: (route, archived) => (route === 'heartbeat' ? { status: 204 } : below.missing(route, archived)),
    }),
  },

  {
    name: 'token-refused-after-refresh',
    summary: 'one refreshed token in five is not valid yet when it is handed out',
    story:
      'The server that refreshes tokens has a clock that is fast by a minute, and its peers check `nbf`. The worker ' +
      'drops its old token for one that is refused with 403, and a healthy task is lost.',
    caughtBy: ['tokens-keep-working'],
    scenario: 'crowd',
    change: (below) => ({
      refreshedClaims(claims) {
        const fresh = below.refreshedClaims(claims);
        return oneIn(5, claims.sub)
          ? { ...fresh, iat: fresh.iat + 60, nbf: fresh.nbf + 60, exp: fresh.exp + 60 }
          : fresh;
      },
    }),
  },
];
