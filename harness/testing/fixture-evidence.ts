import type { AnswerClass, Deadlock, DeadlockSide } from '../model/verdict.ts';

/** Tests only: the evidence in the judgements of fixture.ts. */

const UPDATE_DAG_VERSION =
  "UPDATE task_instance SET dag_version_id='019a-77', updated_at=now() WHERE task_instance.dag_id = 'wt_fan' AND " +
  "task_instance.run_id = 'scheduled__2026-01-01T00:00' AND " +
  "(task_instance.state IS NULL OR state IN ('scheduled','queued'))";
const LOCK_DAG_RUN =
  'SELECT dag_run.state FROM dag_run JOIN task_instance USING (dag_id, run_id) ' +
  "WHERE task_instance.id = '019a-12' FOR UPDATE";

export function deadlock(at_ms: number): Deadlock {
  return {
    at_ms,
    sides: [
      side({
        waits_for: 'dag_run wt_storm/run-3',
        blocked_by: 398,
        action: 'carries out an end report (state PATCH)',
        subject: 'wt_storm/run-3/leaf_07',
        operation: 3300 + Math.round(at_ms / 100),
        waited_from_ms: at_ms - 301,
      }),
      side({
        pid: 398,
        process: 'wt-scheduler-1',
        statement: UPDATE_DAG_VERSION,
        action: 'gives unfinished tasks the new DAG version',
        subject: 'wt_storm/run-3',
        waits_for: 'task_instance wt_storm/run-3/leaf_07',
        blocked_by: 412,
        waited_from_ms: at_ms - 340,
        xid: 898,
      }),
    ],
    fingerprint: 'api: select dag_run for update × scheduler: update task_instance set dag_version_id',
    operation: 3300 + Math.round(at_ms / 100),
    explained: true,
    outcome: {
      status: 500,
      answered_ms: at_ms + 12,
      retry_operation: 3400,
      retry_ms: at_ms + 1_512,
      retry_status: 204,
      state: 'success',
      state_ms: at_ms + 1_530,
      commit: 4712,
    },
    died_ms: null,
    left_out: 0,
  };
}

export function side(over: Partial<DeadlockSide>): DeadlockSide {
  return {
    pid: 412,
    process: 'wt-api-execution-1',
    statement: LOCK_DAG_RUN,
    action: null,
    subject: null,
    operation: null,
    xid: 900,
    xact_started_ms: null,
    lock: 'ShareLock on transaction 898',
    waits_for: null,
    blocked_by: null,
    waited_from_ms: null,
    ...over,
  };
}

export function answerClass(over: Partial<AnswerClass>): AnswerClass {
  return {
    status: 409,
    kind: 'heartbeat',
    reason: '',
    found_state: '',
    class: 'legitimate',
    count: 1,
    example: 812,
    explanation: 'RUNNING → SKIPPED 0.4 s before, by wt-api-execution-1',
    cause_operation: 77,
    cause_commit: 4032,
    ...over,
  };
}
