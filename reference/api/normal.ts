import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import type { ApiBehaviour, Claims, Reply, TaskInstanceRow, Worker } from '../behaviour.ts';
import { createDagRun } from '../dags/create-run.ts';
import { hasNoConnection } from '../database/retry.ts';
import { log } from '../log.ts';
import { TIMES } from '../settings.ts';
import { secondsNow } from './tokens.ts';

/** What Airflow 3.3.2 answers and does, and, where that loses or blocks something, the remedy that does not. */
export const normalApi: ApiBehaviour = {
  skippable: `(state IS NULL OR state NOT IN ('running', 'success', 'failed'))`,

  async lockForState(tx, id) {
    await tx.query({
      name: 'state-lock',
      text: 'SELECT task_instance.* FROM task_instance WHERE task_instance.id = $1 FOR UPDATE OF task_instance',
      values: [id],
    });
  },

  judgeEnd(previous, requested) {
    if (previous === requested) return 'replay';
    return previous === 'running' ? 'carry-out' : 'refuse';
  },

  mayStart(ti, worker) {
    return ti.state === 'queued' || ti.state === 'restarting' || (ti.state === 'running' && runsOn(ti, worker));
  },

  async startAgain() {},

  async xcomsToClear(tx, ti) {
    const { rows } = await tx.query<{ key: string }>({
      name: 'run-xcoms',
      text: `SELECT xcom.key FROM xcom WHERE xcom.dag_id = $1 AND xcom.task_id = $2 AND xcom.run_id = $3
        AND ($4 < 0 OR xcom.map_index = $4)`,
      values: [ti.dag_id, ti.task_id, ti.run_id, ti.map_index],
    });
    return rows.map(({ key }) => key);
  },

  async beat(db, id, worker) {
    const { rowCount } = await db.query({
      name: 'heartbeat',
      text: `UPDATE task_instance SET last_heartbeat_at = now(), updated_at = now()
        WHERE id = $1 AND state = 'running' AND hostname = $2 AND pid = $3`,
      values: [id, worker.hostname, worker.pid],
    });
    return rowCount === 1;
  },

  async writeRenderedFields(tx, key, fields) {
    await tx.query({
      name: 'rtif-upsert',
      text: `INSERT INTO rendered_task_instance_fields (dag_id, task_id, run_id, map_index, rendered_fields)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (dag_id, task_id, run_id, map_index) DO UPDATE SET rendered_fields = excluded.rendered_fields`,
      values: [key.dag_id, key.task_id, key.run_id, key.map_index, JSON.stringify(fields)],
    });
  },

  // Unlike Airflow up to 3.3, where an event that finds its row there leaves it as it is, and may be too late for the
  // run that comes of it (#70970), and where the order of the rows is that of a set (#70128). A scheduler that has
  // taken the row is waited for.
  async queueDags(tx, assetId, dagIds) {
    await tx.query(
      `INSERT INTO asset_dag_run_queue (asset_id, target_dag_id, created_at)
       SELECT $1, dag_id, clock_timestamp() FROM unnest($2::text[]) AS dag_id ORDER BY dag_id
       ON CONFLICT (asset_id, target_dag_id) DO UPDATE SET created_at = excluded.created_at`,
      [assetId, dagIds],
    );
  },

  // Unlike Airflow, which refuses its own run to a client that lost the answer (#66905).
  async triggerRun(tx, dag, run, before) {
    if (before === undefined) await createDagRun(tx, dag, run);
    return before !== 'another';
  },

  async afterEnd() {},

  // 3.3.2 writes FAILED here, whatever broke; with #75368 the error is answered and the worker reports again.
  async endFailed() {
    return undefined;
  },

  failureReply,

  async conclude(tx) {
    await tx.query('COMMIT');
  },

  missing(route, archived) {
    if (archived && (route === 'heartbeat' || route === 'rtif')) {
      const message = 'Task Instance not found, it may have been moved to the Task Instance History table';
      return { status: 410, body: { detail: { reason: 'not_found', message } } };
    }
    const message = 'Task Instance not found';
    const detail = route === 'rendered-map-index' ? message : { reason: 'not_found', message };
    return { status: 404, body: { detail } };
  },

  refreshedClaims(claims): Claims {
    const now = secondsNow();
    const scope = claims.scope === 'workload' ? 'execution' : claims.scope;
    return { ...claims, ...(scope === undefined ? {} : { scope }), iat: now, nbf: now, exp: now + TIMES.tokenS };
  },

  onRequest() {},

  // Unlike Airflow, where two that look at the same moment are both admitted. Until the backfill is published.
  async lockForBackfill(tx, dagId) {
    await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`backfill of ${dagId}`]);
  },

  async publishBackfill(tx) {
    await tx.query('COMMIT');
    await tx.query('BEGIN');
  },

  async beforeBackfillRun() {
    await sleep(TIMES.backfillRunMs);
  },

  // Airflow does this only for a lock that was not available; else the row stays until its clean-up.
  async backfillFailed(db, backfillId) {
    await db.query('DELETE FROM backfill_dag_run WHERE backfill_id = $1', [backfillId]);
    await db.query('DELETE FROM dag_run WHERE backfill_id = $1', [backfillId]);
    await db.query('DELETE FROM backfill WHERE id = $1', [backfillId]);
  },
};

function runsOn(ti: TaskInstanceRow, worker: Worker): boolean {
  return ti.hostname === worker.hostname && ti.unixname === worker.unixname && ti.pid === worker.pid;
}

const UNIQUE_VIOLATION = '23505';
/** After a deadlock, a serialization failure or a lock time-out the same again may succeed. */
const RETRYABLE: ReadonlySet<string> = new Set(['40P01', '40001', '55P03']);

function failureReply(error: unknown): Reply {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  if (code === UNIQUE_VIOLATION) return databaseError(409, 'Unique constraint violation', error);
  if (RETRYABLE.has(code)) return tryAgain();
  // A value that passed the checks but does not fit its column.
  if (code.startsWith('22')) return databaseError(422, 'Value rejected by database', error);
  // 3.3.2's handler for broken constraints leaves all but the unique ones to the last resort.
  if (code !== '' && !code.startsWith('23')) return databaseError(500, 'Database error', error);
  if (hasNoConnection(error)) return databaseError(500, 'Database error', error);
  log('error', `Handle died with an error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return { status: 500, body: { message: 'Internal server error' } };
}

/**
 * 3.3.2 answers 503 to a lock that was not available, too, but does not say when to come back, which #66734 asks for.
 * To the others it answers 500 (`retryable-is-500`).
 */
function tryAgain(): Reply {
  return { status: 503, headers: { 'retry-after': '1' }, body: { detail: 'Database is locked.' } };
}

export function databaseError(status: number, reason: string, error: unknown): Reply {
  const id = randomBytes(4).toString('hex');
  const said =
    error instanceof pg.DatabaseError ? `${error.message} ${error.detail ?? ''} (${error.code})` : String(error);
  log('error', `Error with id ${id}: ${said}`);
  const message =
    'Serious error when handling your request. Check logs for more details - you will find it in api server when you ' +
    `look for ID ${id}`;
  return { status, body: { detail: { reason, statement: 'hidden', orig_error: 'hidden', message } } };
}
