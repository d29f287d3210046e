import type { SchedulerBehaviour } from '../behaviour.ts';
import { everyMapIndex } from '../dags/create-run.ts';
import { TIMES } from '../settings.ts';
import { queuedFor, unconsumed } from './asset-runs.ts';
import { normalDecisions } from './decisions.ts';

/**
 * `State.unfinished` without NULL, which an `IN` in SQL never meets: instances that are not scheduled yet keep their
 * version.
 */
const UNFINISHED = `'scheduled', 'queued', 'running', 'restarting', 'up_for_retry', 'up_for_reschedule', 'deferred',
  'awaiting_input'`;

/** SQL condition over `backfill`: one of its dates at least has its row, with a run or with why there is none. */
export const BACKFILL_HAS_RUNS =
  'EXISTS (SELECT backfill_dag_run.id FROM backfill_dag_run WHERE backfill_dag_run.backfill_id = backfill.id)';

/** What Airflow 3.3.2's scheduler does at each of the seams. */
export const normalScheduler: SchedulerBehaviour = {
  // #60330: without it, an instance that a user or another scheduler has moved on since it was read is moved back.
  schedulable: `(task_instance.state IS NULL OR task_instance.state IN ('up_for_retry', 'up_for_reschedule'))`,
  // A reschedule continues its try.
  nextTryNumber: `CASE WHEN task_instance.state = 'up_for_reschedule' THEN task_instance.try_number
    ELSE task_instance.try_number + 1 END`,
  ...normalDecisions,
  createsRun: () => true,
  // What has been consumed says what is left, not a time: an event may be committed later than one with a later time.
  async takeAssetEvents(tx, dagId) {
    const queued = await queuedFor(tx, dagId, 'FOR UPDATE SKIP LOCKED');
    return { ...queued, eventIds: queued.assetIds.length === 0 ? [] : await unconsumed(tx, dagId, null) };
  },
  mapIndexes: everyMapIndex,
  async betweenReadAndWrite() {},
  // One statement, so that it waits for each row that a worker's report holds, while the caller holds the run's row.
  async assignDagVersion(tx, run, dagVersionId) {
    await tx.query(
      `UPDATE task_instance SET dag_version_id = $1, updated_at = now()
       WHERE task_instance.dag_id = $2 AND task_instance.run_id = $3
         AND (task_instance.state IS NULL OR task_instance.state IN (${UNFINISHED}))`,
      [dagVersionId, run.dag_id, run.run_id],
    );
  },
  startableRuns: ({ max, running }) => Math.max(0, max - running),
  hasRoom: ({ max, active }) => active < max,
  activeStates: new Set(['queued', 'running', 'deferred']),
  taskHasRoom: ({ max, active }) => active < max,
  freeSlots: ({ slots, taken }) => slots - taken,
  orphaned: `job.id IS NOT NULL AND job.state IS DISTINCT FROM 'running'`,
  adopts: true,
  looksAgain: true,
  requeueable: "task_instance.state = 'queued'",
  silent: `task_instance.state IN ('running', 'restarting')
    AND task_instance.last_heartbeat_at < now() - interval '${TIMES.heartbeatTimeoutMs} milliseconds'`,
  unusedTriggers: `NOT EXISTS (
    SELECT task_instance.id FROM task_instance WHERE task_instance.trigger_id = trigger.id)`,
  resumedState: 'scheduled',
  examinable: 'NOT dag.is_paused AND NOT dag.is_stale AND dag_run.run_after <= now()',
  // 3.2.2's: a backfill has no runs yet while they are being created, and never gets any if their creation failed.
  backfillComplete: `${BACKFILL_HAS_RUNS}
    OR backfill.created_at < now() - interval '${TIMES.backfillAbandonedMs} milliseconds'`,
  concernsThisTry: (event, ti) => event.try_number === ti.try_number,
  // What was cleared while it ran is there already.
  keepsFailed: (state) => state !== 'restarting',
  knowsWhatRuns: true,
  isOfPartBefore: ({ state, next_method, is_rescheduled }) =>
    (state === 'scheduled' || state === 'queued') && (next_method !== null || is_rescheduled),
  beginsAgain: true,
  eventDelayMs: 0,
  deliveries: () => 1,
};
