import { setTimeout as sleep } from 'node:timers/promises';

import type pg from 'pg';

import type { Behaviour } from './behaviour.ts';
import { openPool } from './database/connect.ts';
import { runJob } from './database/job.ts';
import { retriedTransaction } from './database/retry.ts';
import { log } from './log.ts';
import type { Role } from './role.ts';
import { TIMES } from './settings.ts';

const CONNECTIONS = 2;

/** `TriggererJobRunner`, for triggers that fire at their first look: whatever they wait for is there. */
export async function runTriggerer({ settings, behaviour, signal }: Role): Promise<void> {
  const pool = openPool(settings, CONNECTIONS);
  try {
    await runJob(pool, 'TriggererJob', async (job) => {
      while (!signal.aborted) {
        await fireTriggers(pool, behaviour);
        await job.beat();
        await sleep(TIMES.triggerPollMs, undefined, { signal }).catch(() => undefined);
      }
    });
  } finally {
    await pool.end();
  }
}

/**
 * Fires what is old enough, then deletes the triggers that no task instance waits for. Two transactions, as in Airflow,
 * where the trigger of a task without a state is kept (`state != 'deferred'`): while a trigger's row is deleted, no row
 * may refer to it, as the delete would cascade to the task instance.
 */
export async function fireTriggers(
  pool: pg.Pool,
  { resumedState, unusedTriggers }: Pick<Behaviour, 'resumedState' | 'unusedTriggers'>,
): Promise<void> {
  const fired = await retriedTransaction(pool, 'submit_event', async (tx) => {
    // `handle_event_submit`: straight back to SCHEDULED, with the try number that it has.
    const { rowCount } = await tx.query(
      `UPDATE task_instance SET state = $1, scheduled_dttm = now(), trigger_id = NULL, updated_at = now(),
         next_kwargs = coalesce(next_kwargs, '{}') || '{"event": true}'
       WHERE task_instance.id IN (
         SELECT task_instance.id FROM task_instance JOIN trigger ON trigger.id = task_instance.trigger_id
         WHERE task_instance.state = 'deferred'
           AND trigger.created_date <= now() - interval '${TIMES.triggerPollMs} milliseconds'
         FOR UPDATE OF task_instance SKIP LOCKED)`,
      [resumedState],
    );
    return rowCount;
  });
  if (fired) log('info', `Fired ${fired} triggers`);
  await retriedTransaction(pool, 'clean_unused', async (tx) => {
    await tx.query(
      `UPDATE task_instance SET trigger_id = NULL, updated_at = now() WHERE task_instance.id IN (
         SELECT task_instance.id FROM task_instance
         WHERE task_instance.state IS DISTINCT FROM 'deferred' AND task_instance.trigger_id IS NOT NULL
         FOR UPDATE SKIP LOCKED)`,
    );
    await tx.query(
      `DELETE FROM trigger WHERE trigger.id IN (
         SELECT trigger.id FROM trigger
         WHERE ${unusedTriggers}
         FOR UPDATE SKIP LOCKED)`,
    );
  });
}
