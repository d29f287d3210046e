import { setTimeout as sleep } from 'node:timers/promises';
import type { Settler } from '../scheduler/decisions.ts';
import type { Defect } from './defect.ts';

const THINKING_MS = 60;

/** What an ORM's unit of work takes between reading forty rows and writing them back. */
const BETWEEN_MS = 40;

/** Who overwrites the state of a task instance, because it does not look at it, or looks too early. */
export const STATE_DEFECTS: readonly Defect[] = [
  {
    name: 'schedule-unguarded',
    summary:
      'tasks are set to SCHEDULED by id alone (#60330), by schedulers that are made to give up their lock on the run',
    story:
      'The companion of the unguarded skip. Two schedulers read the same run, and the UPDATE by id of the slower one ' +
      'puts tasks back to SCHEDULED that are queued or running by now, or that a branch has skipped. The UPDATE is ' +
      'that of Airflow up to 3.1.8. How the second scheduler gets past the lock on the run, #60330 does not say: ' +
      'that the first one commits between reading and writing, and so gives the lock up, is our assumption.',
    caughtBy: ['running-is-not-overwritten', 'handed-off-can-start', 'skips-take-effect'],
    scenario: 'branches',
    change: () => ({
      schedulable: 'true',
      async betweenReadAndWrite(tx, ready) {
        if (ready === 0) return;
        await tx.query('COMMIT');
        await sleep(THINKING_MS);
        await tx.query('BEGIN');
      },
    }),
  },

  {
    name: 'requeue-unguarded',
    summary: 'a task that is stuck in QUEUED is set back to SCHEDULED by its key alone, though a worker has started it',
    story:
      'The scheduler reads what has been queued for too long, and has the executor revoke one after the other. Where ' +
      'the queue is slow that takes seconds, in which a slow worker may start its task. The UPDATE that follows does ' +
      'not check the state: the task runs, is SCHEDULED, and is run again.',
    caughtBy: ['running-is-not-overwritten'],
    scenario: 'stuck',
    durationS: 45,
    faults: 'revoke-slow',
    change: () => ({ requeueable: 'true' }),
  },

  {
    name: 'running-upstream-failed',
    summary:
      'if nothing else in a run is ready, a task with an upstream marked FAILED becomes UPSTREAM_FAILED, even a ' +
      'running one',
    story:
      'A user finds a bad result and marks the task that made it as failed, while the tasks downstream are running. ' +
      'The scheduler finds nothing to schedule in the run, and checks once more whether any unfinished task could be ' +
      'scheduled: with the flag that lets the check set UPSTREAM_FAILED, and also for tasks that workers run. Their ' +
      'work is lost, and the run ends under them.',
    caughtBy: ['running-is-not-overwritten', 'tasks-change-as-allowed'],
    scenario: 'race-upstream-marked',
    durationS: 30,
    change: () => ({ settlesUnfinished: new Set<Settler>(['trigger rule']) }),
  },

  {
    name: 'running-not-followed',
    summary:
      'if nothing else in a run is ready, a task that a branch did not follow becomes SKIPPED, even a running one',
    story:
      'skip-downstream leaves tasks alone that workers run. But the branch has also left a result that says which ' +
      'tasks it follows, so that the others stay skipped when they are cleared. The scheduler, which finds nothing ' +
      'to schedule in the run and checks once more whether any unfinished task could be, asks that result, too, and ' +
      'skips what runs: #63266 behind its guard.',
    caughtBy: ['running-is-not-overwritten', 'a-started-life-owns-its-task', 'tasks-change-as-allowed'],
    scenario: 'race-not-followed',
    durationS: 40,
    change: () => ({ settlesUnfinished: new Set<Settler>(['branch']) }),
  },

  {
    name: 'version-skips-stateless',
    summary: 'a run is moved to a new DAG version by state IN (…), which is never true of tasks without a state',
    story:
      'The list of unfinished states has NULL in it, and IN never matches NULL. Tasks that wait for others stay ' +
      'on the old version, and no scheduler looks again, because one task of the run has the new one: half of the ' +
      'run is played by the old code, half by the new.',
    caughtBy: ['tasks-follow-their-dag-version'],
    scenario: 'race-72153',
    change: () => ({
      async assignDagVersion(tx, run, dagVersionId) {
        await tx.query(
          `UPDATE task_instance SET dag_version_id = $1, updated_at = now()
           WHERE task_instance.dag_id = $2 AND task_instance.run_id = $3
             AND task_instance.state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')`,
          [dagVersionId, run.dag_id, run.run_id],
        );
      },
    }),
  },

  {
    name: 'version-writes-state',
    summary: 'the scheduler writes back whole rows to set their DAG version: a state that changed in between is lost',
    story:
      'A lost update. The scheduler reads the unfinished instances without a lock and writes every column back with ' +
      'the new version. A task that a worker started or ended in between returns to its old state: RUNNING becomes ' +
      'QUEUED under its worker, and an acknowledged SUCCESS becomes RUNNING again and stays so.',
    caughtBy: ['acknowledged-is-durable', 'running-is-not-overwritten'],
    scenario: 'storm',
    durationS: 20,
    change: () => ({
      async assignDagVersion(tx, run, dagVersionId) {
        const { rows } = await tx.query<{ id: string; state: string | null }>(
          `SELECT id::text AS id, state FROM task_instance
           WHERE dag_id = $1 AND run_id = $2
             AND (state IS NULL OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))`,
          [run.dag_id, run.run_id],
        );
        await sleep(BETWEEN_MS);
        await tx.query(
          `UPDATE task_instance SET dag_version_id = $1, state = read.state
           FROM json_to_recordset($2) AS read(id uuid, state text) WHERE task_instance.id = read.id`,
          [dagVersionId, JSON.stringify(rows)],
        );
      },
    }),
  },

  {
    name: 'orphan-reset-live',
    summary: "every scheduler takes the others' tasks for orphans and resets them, alive or not",
    story:
      'The look for orphans forgets that a scheduler may be alive although it is not this one, and the executor ' +
      'adopts nothing, as the base class has it. Every half minute all running tasks are reset, get a new id and run ' +
      'a second time, while their first workers get 410.',
    caughtBy: ['running-is-not-overwritten', 'a-started-life-owns-its-task', 'one-live-attempt'],
    scenario: 'storm',
    durationS: 40,
    change: () => ({ orphaned: 'true', adopts: false }),
  },

  {
    name: 'executor-event-stale',
    summary: 'an executor event that comes late is taken for one about the next try, which is then failed',
    story:
      'The first try ended and was followed by another before the scheduler read the executor\'s word about it. "The ' +
      'executor says it ended, the database says it runs": without a look at the try number that is a state ' +
      'mismatch, and the second try is failed while its worker works.',
    caughtBy: ['running-is-not-overwritten', 'a-started-life-owns-its-task'],
    scenario: 'mishaps',
    durationS: 30,
    change: () => ({ concernsThisTry: () => true, eventDelayMs: 4_000 }),
  },

  {
    name: 'silence-not-rechecked',
    summary: 'a task without heartbeats is failed a loop later, even if a heartbeat was accepted in between',
    story:
      'The scheduler finds a worker without heartbeats, reports that to its executor, and gets an event from its ' +
      'executor in the next loop: then it fails what is RUNNING. A worker that was only slow, such as a virtual ' +
      'machine that was moved, has sent a heartbeat in between, which was accepted. It keeps working, or reports its ' +
      'end, and gets the answer that its task is gone.',
    caughtBy: ['running-is-not-overwritten'],
    scenario: 'race-stale-heartbeat-timeout',
    durationS: 90,
    // As long as a loop of Airflow's takes.
    change: () => ({ looksAgain: false, eventDelayMs: 1_500 }),
  },

  {
    name: 'silence-unnoticed',
    summary: 'workers that no longer send heartbeats are never given up',
    story:
      'A pod is evicted, a machine goes away. The task stays in RUNNING, its slot stays taken, its run never ends, ' +
      'and the retries that it has are never used.',
    caughtBy: ['silent-deaths-are-noticed'],
    scenario: 'mishaps',
    durationS: 75,
    change: () => ({ silent: 'false' }),
  },
];
