import { randomInt } from 'node:crypto';

import { log } from '../log.ts';
import type { Defect } from './defect.ts';

/** Answers to workers that are not kept, or refused for no reason. */
export const END_REPORT_DEFECTS: readonly Defect[] = [
  {
    name: 'acknowledged-rolled-back',
    summary: 'one end report in twenty is acknowledged and then not committed',
    story:
      'The answer goes out before the COMMIT, and the COMMIT fails: a lost connection, a broken deferred constraint, ' +
      'a server that is restarted. The worker has forgotten its task, the database shows it RUNNING, and half a ' +
      'minute later it is taken for dead. Not so in 3.1.8, which holds FastAPI below 0.118, where a session would ' +
      'end after the answer (apache/airflow#56239), nor in 3.2.1 to 3.3.2, where it ends with the handler.',
    caughtBy: ['acknowledged-is-durable'],
    scenario: 'storm',
    durationS: 20,
    change: (below) => ({
      async conclude(tx, request) {
        if (request.kind === 'state' && randomInt(20) === 0) await tx.query('ROLLBACK');
        else await below.conclude(tx, request);
      },
    }),
  },

  {
    name: 'failure-only-logged',
    summary: 'one end report in twenty breaks, and the log says that its task is set to failed, which is rolled back',
    story:
      'The handler logs that it sets the task to failed before it tries to, in a transaction that takes nothing ' +
      'more. The worker gets a 500, sends its report again, and the task succeeds: who reads the log looks for a ' +
      'failure that there never was. So in Airflow 3.1.8 to 3.2.2 after every error of the database in that place.',
    caughtBy: ['logs-say-what-happened', 'error-contract'],
    scenario: 'storm',
    durationS: 20,
    change: (below) => ({
      async afterEnd(tx, ti, state) {
        await below.afterEnd(tx, ti, state);
        if (randomInt(20) === 0) throw new Error('an error while an end report was carried out');
      },
      async endFailed(failed) {
        log('error', `Error updating Task Instance state. Setting the task to failed. ti_id=${failed.id}`);
        return below.endFailed(failed);
      },
    }),
  },

  {
    name: 'lost-commit-acknowledged',
    summary: 'a request is acknowledged although its COMMIT never reached the database',
    story:
      'The handler takes an error at COMMIT for a broken connection that no longer matters, as if the work were ' +
      'done. The worker gets 204 and ends; its task stays RUNNING until the heartbeat time-out, and runs again.',
    caughtBy: ['acknowledged-is-durable'],
    scenario: 'mishaps',
    durationS: 60,
    faults: 'lost-commit:api-execution',
    change: (below) => ({
      async conclude(tx, request) {
        await below.conclude(tx, request).catch((error: unknown) => {
          if (request.kind !== 'state' || !(error instanceof Error) || !/terminated|ECONN|EPIPE/.test(error.message))
            throw error;
        });
      },
    }),
  },

  {
    name: 'end-accepted-twice',
    summary: 'an end report that is sent again is carried out again',
    story:
      'The answer to an end report is lost and the client sends it again. Carried out twice, the task has two ends: ' +
      'two sets of asset events, two callbacks, a later end date. Idempotent would be to know it for the same report.',
    caughtBy: ['an-end-takes-effect-once'],
    scenario: 'mishaps',
    change: (below) => ({
      judgeEnd: (previous, requested) => (previous === requested ? 'carry-out' : below.judgeEnd(previous, requested)),
    }),
  },

  {
    name: 'retry-report-refused',
    summary: 'a report that asks for another try is refused, though the task runs',
    story:
      'The guard of the end report lists the states that a running task may be given, and up_for_retry was forgotten ' +
      'when the list was rewritten. A worker that reports a failed task gets the answer that the task does not run; ' +
      'it stops, and the try ends only when its heartbeats have been missed for long enough.',
    caughtBy: ['refusals-have-a-cause'],
    scenario: 'mishaps',
    change: (below) => ({
      judgeEnd: (previous, requested) =>
        requested === 'up_for_retry' ? 'refuse' : below.judgeEnd(previous, requested),
    }),
  },

  {
    name: 'missing-is-500',
    summary: 'a task instance that is not there is answered 500',
    story:
      'The row is read with .one() and no code handles the exception. To the worker a 500 means "try again": a task ' +
      'that was cleared keeps working and sending requests instead of stopping at once. skip-downstream did this in ' +
      'Airflow 3.1.',
    caughtBy: ['error-contract'],
    scenario: 'mishaps',
    durationS: 30,
    change: () => ({ missing: () => ({ status: 500, body: { message: 'Internal server error' } }) }),
  },
];
