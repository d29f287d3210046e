import { setTimeout as sleep } from 'node:timers/promises';
import { databaseError, normalApi } from '../api/normal.ts';
import type { Reply, Tx } from '../behaviour.ts';
import { log } from '../log.ts';
import { type Defect, oneIn } from './defect.ts';

/**
 * What Airflow's handler means to do when an end report broke in the database: the task is FAILED, the worker gets 204.
 */
async function writeFailed(tx: Tx, id: string): Promise<Reply> {
  log('error', `Error updating Task Instance state. Setting the task to failed. ti_id=${id}`);
  await tx.query(`UPDATE task_instance SET state = 'failed', end_date = now(), updated_at = now() WHERE id = $1`, [id]);
  return { status: 204 };
}

const RETRYABLE = new Set(['40P01', '40001']);

const BATCH = 50;

const SLOW_CALL_MS = 9_000;

/** Locks that close a circle (#66734) or are held for too long, and what becomes of a request that deadlocks. */
export const LOCK_DEFECTS: readonly Defect[] = [
  {
    name: 'retryable-is-500',
    kind: 'circumstance',
    summary: 'a request that lost a deadlock is answered 500, as if the server were broken',
    story:
      'A deadlock, or a transaction that could not be serialized, is over when it is reported: the same again ' +
      'succeeds. A worker of Airflow sends again after any 5xx, but an operator is shown an error of the server, and ' +
      'a client that honours Retry-After is given none. So in all releases up to 3.3.2. It shows where there are ' +
      'deadlocks, or where the fault answer-sqlstate answers with one.',
    caughtBy: [],
    scenario: 'storm',
    change: (below) => ({
      failureReply(error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : '';
        return RETRYABLE.has(code) ? databaseError(500, 'Database error', error) : below.failureReply(error);
      },
    }),
  },

  {
    name: 'state-lock-joined',
    summary: 'an end report locks its task instance, then by a bare FOR UPDATE its dag_run, too',
    story:
      'The ORM fetches the task instance joined with its DAG run, and a bare FOR UPDATE locks both. The scheduler ' +
      'holds the dag_run row while it puts the task instances on a new DAG version: each waits for the other, ' +
      'PostgreSQL ends one of them, and the worker or the scheduler gets an error. Airflow 3.2.0 and 3.2.1.',
    caughtBy: ['no-deadlocks', 'error-contract'],
    scenario: 'storm',
    on: ['retryable-is-500'],
    change: () => ({
      async lockForState(tx, id) {
        await tx.query(
          `SELECT task_instance.*, dag_run.* FROM task_instance
           JOIN dag_run ON dag_run.dag_id = task_instance.dag_id AND dag_run.run_id = task_instance.run_id
           WHERE task_instance.id = $1 FOR UPDATE`,
          [id],
        );
      },
    }),
  },

  {
    name: 'deadlock-same-transaction',
    summary: 'the handler writes "failed" into the transaction that the deadlock has aborted',
    story:
      'After the deadlock the handler logs "Setting the task to failed" and does it, in the same session. PostgreSQL ' +
      'takes nothing more in an aborted transaction: the worker gets a 500 and the log is wrong about what happened. ' +
      'Airflow 3.2.0 and 3.2.1.',
    caughtBy: ['error-contract', 'no-deadlocks'],
    scenario: 'storm',
    on: ['state-lock-joined'],
    change: () => ({
      endFailed: ({ tx, id }) => writeFailed(tx, id),
    }),
  },

  {
    name: 'deadlock-fresh-session',
    kind: 'remedy',
    summary: 'the handler writes "failed" in a fresh session: a success is recorded as a failure',
    story:
      'The report asks for the failure to be written in a fresh session. Done to the letter, a worker that lost a ' +
      'deadlock with its end report gets 204 and forgets its task, and a task that did its work stays FAILED. A ' +
      'deadlock is a reason to try again, not a verdict on the task.',
    caughtBy: ['acknowledged-is-durable', 'no-deadlocks'],
    scenario: 'storm',
    on: ['state-lock-joined'],
    change: () => ({
      endFailed: ({ inFreshTransaction, id }) => inFreshTransaction((tx) => writeFailed(tx, id)),
    }),
  },

  {
    name: 'deadlock-503',
    kind: 'remedy',
    summary: 'a deadlock is answered 503 with Retry-After: nothing is lost, but the deadlocks stay',
    story:
      'The retryable answer that the report asks for. The worker comes back after the pause that the answer asks ' +
      'for, and the task ends as it should. What remains is the cost: PostgreSQL waits for deadlock_timeout each ' +
      'time, with both rows locked, and when the scheduler is the victim its whole loop is thrown away.',
    caughtBy: ['no-deadlocks'],
    scenario: 'storm',
    on: ['state-lock-joined'],
    change: () => ({ failureReply: normalApi.failureReply }),
  },

  {
    name: 'version-update-skip-locked',
    kind: 'remedy',
    summary: 'the scheduler puts instances on a new version in ordered batches that skip what is locked',
    story:
      'The remedy on the other side: end reports still lock the DAG run, but the scheduler, which holds it, no ' +
      'longer waits for another transaction. A row that a worker is just reporting on is left out; it has ended by ' +
      'the next loop. Bounded batches in the order of the primary key keep two schedulers from meeting each other, ' +
      'too.',
    caughtBy: [],
    scenario: 'storm',
    on: ['state-lock-joined'],
    change: () => ({
      async assignDagVersion(tx, run, dagVersionId) {
        for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
          const { rows } = await tx.query<{ id: string }>(
            `SELECT id::text AS id FROM task_instance
             WHERE dag_id = $1 AND run_id = $2 AND id > $3 AND dag_version_id IS DISTINCT FROM $4
               AND (state IS NULL OR state NOT IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'))
             ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
            [run.dag_id, run.run_id, after, dagVersionId],
          );
          const last = rows.at(-1);
          if (!last) return;
          await tx.query('UPDATE task_instance SET dag_version_id = $1 WHERE id = ANY($2)', [
            dagVersionId,
            rows.map(({ id }) => id),
          ]);
          after = last.id;
        }
      },
    }),
  },

  {
    name: 'lock-over-slow-call',
    summary: 'one end report in sixty calls something slow while it holds its row',
    story:
      'A listener, a secrets backend or an asset manager is called between the UPDATE and the COMMIT, and takes nine ' +
      'seconds. Everything that needs the row waits: the scheduler, which must put it on a new DAG version, and ' +
      'behind the scheduler every other run of its loop.',
    caughtBy: ['locks-are-brief'],
    scenario: 'storm',
    durationS: 30,
    change: () => ({
      async afterEnd(_tx, ti) {
        if (oneIn(60, ti.id)) await sleep(SLOW_CALL_MS);
      },
    }),
  },
];
