import type { Tx } from '../../behaviour.ts';
import { createDagRun } from '../../dags/create-run.ts';
import { latestDag, type SerializedDag } from '../../dags/serialized-dag.ts';
import { transaction } from '../../database/connect.ts';
import { log } from '../../log.ts';
import type { Api } from '../api.ts';
import { clearTaskInstances, lockChosen } from '../clear.ts';
import { Refusal } from '../refusal.ts';
import { newRunId } from '../run-id.ts';
import { pythonIso } from '../times.ts';
import type { BackfillBody } from './backfill-body.ts';

const MINUTE_MS = 60_000;
const UNIQUE_VIOLATION = '23505';

export function noSuchDag(dagId: string): Refusal {
  return Refusal.of(404, `Could not find dag ${dagId}`);
}

/** The moments of `* * * * *` in the range, both ends included, that are over. */
export function backfillDates({ from_date, to_date, run_backwards }: BackfillBody): Date[] {
  const dates: Date[] = [];
  const now = Date.now();
  for (let at = Math.ceil(from_date.getTime() / MINUTE_MS) * MINUTE_MS; at <= to_date.getTime() && at < now; ) {
    dates.push(new Date(at));
    at += MINUTE_MS;
  }
  return run_backwards ? dates.reverse() : dates;
}

export function checkedDates({ from_date, to_date }: BackfillBody): void {
  if (from_date > to_date) {
    const message = `from_date (${pythonIso(from_date)}) must not be after to_date (${pythonIso(to_date)}).`;
    throw Refusal.of(422, message);
  }
  const now = Date.now();
  if (from_date.getTime() >= now && to_date.getTime() >= now) {
    throw Refusal.of(422, 'Backfill cannot be executed for future dates.');
  }
}

/**
 * `_create_backfill`: the backfill is committed before its runs are made, so that a second request sees it; then comes
 * one savepoint for each date, and one commit for them all. Returns the backfill's id.
 */
export async function createBackfill(api: Api, given: BackfillBody, user: string): Promise<number> {
  let id: number | undefined;
  try {
    return await transaction(api.pool, async (tx) => {
      await api.behaviour.lockForBackfill(tx, given.dag_id);
      const { dag, dates } = await admitted(tx, given);
      id = await insertBackfill(tx, given, user);
      await api.behaviour.publishBackfill(tx);
      await tx.query('SELECT dag.* FROM dag WHERE dag.dag_id = $1', [given.dag_id]);
      const making: Making = { api, dag, given, user, id };
      for (const [i, date] of dates.entries()) {
        await api.behaviour.beforeBackfillRun(tx, { backfillId: id, ordinal: i + 1 });
        await createRun(tx, making, date, i + 1);
      }
      return id;
    });
  } catch (error) {
    if (id !== undefined) await cleanUp(api, id);
    throw error;
  }
}

async function admitted(tx: Tx, given: BackfillBody): Promise<{ dag: SerializedDag; dates: readonly Date[] }> {
  const dag = await latestDag(tx, given.dag_id);
  if (!dag) throw noSuchDag(given.dag_id);
  await tx.query('SELECT dag.* FROM dag WHERE dag.dag_id = $1 LIMIT 1', [given.dag_id]);
  const active = await tx.query<{ count: number }>(
    'SELECT count(*) AS count FROM backfill WHERE backfill.dag_id = $1 AND backfill.completed_at IS NULL',
    [given.dag_id],
  );
  if ((active.rows[0]?.count ?? 0) > 0) {
    throw Refusal.of(409, `There is already a running backfill for dag ${given.dag_id}`);
  }
  checkedDates(given);
  const dates = backfillDates(given);
  if (dates.length === 0) {
    const range = `[${python(given.from_date)}, ${python(given.to_date)}]`;
    throw Refusal.of(422, `No runs to create for Dag ${given.dag_id} in the range ${range}`);
  }
  return { dag, dates };
}

/** As Python's `str` writes a datetime. */
function python(at: Date): string {
  return pythonIso(at).replace('T', ' ');
}

async function insertBackfill(tx: Tx, given: BackfillBody, user: string): Promise<number> {
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO backfill (dag_id, from_date, to_date, dag_run_conf, is_paused, reprocess_behavior, max_active_runs,
       created_at, completed_at, updated_at, triggering_user_name)
     VALUES ($1, $2, $3, $4, false, $5, $6, now(), NULL, now(), $7) RETURNING backfill.id`,
    [
      given.dag_id,
      given.from_date,
      given.to_date,
      JSON.stringify(given.dag_run_conf),
      given.reprocess_behavior,
      given.max_active_runs,
      user,
    ],
  );
  const [row] = rows;
  if (!row) throw new Error(`no id came back for the backfill of ${given.dag_id}`);
  return row.id;
}

interface Making {
  readonly api: Api;
  readonly dag: SerializedDag;
  readonly given: BackfillBody;
  readonly user: string;
  readonly id: number;
}

async function createRun(tx: Tx, making: Making, date: Date, ordinal: number): Promise<void> {
  const { given, id } = making;
  await tx.query('SAVEPOINT backfill_run');
  const existing = await existingRun(tx, given.dag_id, date);
  if (existing) {
    const reason = reasonNotToCreate(existing.state, given);
    if (reason) await insertBackfillRun(tx, { id, date, ordinal, runId: null, reason });
    else await runAgain(tx, making, existing, date, ordinal);
  } else {
    await createNewRun(tx, making, date, ordinal);
  }
  await tx.query('RELEASE SAVEPOINT backfill_run');
}

async function createNewRun(tx: Tx, { dag, given, user, id }: Making, date: Date, ordinal: number): Promise<void> {
  try {
    const runId = await createDagRun(tx, dag, {
      run_id: newRunId('backfill', date),
      run_type: 'backfill',
      logical_date: date,
      run_after: date,
      triggered_by: 'backfill',
      triggering_user_name: user,
      conf: given.dag_run_conf,
      backfill_id: id,
    });
    await insertBackfillRun(tx, { id, date, ordinal, runId, reason: null });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION)) throw error;
    log('info', `Backfill Dag run already exists; skipping. ${given.dag_id} ${pythonIso(date)}`);
    await tx.query('ROLLBACK TO SAVEPOINT backfill_run');
    await insertBackfillRun(tx, { id, date, ordinal, runId: null, reason: 'in flight' });
  }
}

interface ExistingRun {
  readonly id: number;
  readonly run_id: string;
  readonly state: string;
}

async function existingRun(tx: Tx, dagId: string, date: Date): Promise<ExistingRun | undefined> {
  const { rows } = await tx.query<ExistingRun>(
    `SELECT dag_run.id, dag_run.run_id, dag_run.state FROM dag_run
     WHERE dag_run.dag_id = $1 AND dag_run.logical_date = $2
     ORDER BY dag_run.start_date IS NULL, dag_run.start_date DESC LIMIT 1`,
    [dagId, date],
  );
  return rows[0];
}

type Reason = 'in flight' | 'already exists';

function reasonNotToCreate(state: string, { reprocess_behavior }: BackfillBody): Reason | undefined {
  if (state !== 'success' && state !== 'failed') return 'in flight';
  if (reprocess_behavior === 'none') return 'already exists';
  return reprocess_behavior === 'failed' && state !== 'failed' ? 'already exists' : undefined;
}

/** Whether a backfill would make a run of that date, or make it run again. */
export async function wouldCreate(tx: Tx, given: BackfillBody, date: Date): Promise<boolean> {
  const existing = await existingRun(tx, given.dag_id, date);
  return existing === undefined || reasonNotToCreate(existing.state, given) === undefined;
}

/** A finished run is cleared and taken over. */
async function runAgain(tx: Tx, making: Making, run: ExistingRun, date: Date, ordinal: number): Promise<void> {
  const { api, dag, given, id } = making;
  await tx.query(
    `SELECT dag_run.id FROM dag_run WHERE dag_run.logical_date = $1 AND dag_run.dag_id = $2
     FOR NO KEY UPDATE SKIP LOCKED`,
    [date, given.dag_id],
  );
  const tis = await lockChosen(tx, { dagId: given.dag_id, runId: run.run_id, tasks: null, states: [] });
  const onLatest = given.run_on_latest_version ?? true;
  await clearTaskInstances(tx, api.behaviour, dag, tis, { resetRuns: true, onLatest });
  await tx.query(
    `UPDATE dag_run SET backfill_id = $3, run_type = 'backfill', triggered_by = 'backfill',
       conf = coalesce($4::jsonb, conf), updated_at = now()
     WHERE dag_run.logical_date = $1 AND dag_run.dag_id = $2`,
    [date, given.dag_id, id, given.dag_run_conf === null ? null : JSON.stringify(given.dag_run_conf)],
  );
  await insertBackfillRun(tx, { id, date, ordinal, runId: run.id, reason: null });
}

interface BackfillRun {
  readonly id: number;
  readonly date: Date;
  readonly ordinal: number;
  readonly runId: number | null;
  readonly reason: Reason | null;
}

async function insertBackfillRun(tx: Tx, run: BackfillRun): Promise<void> {
  await tx.query(
    `INSERT INTO backfill_dag_run (backfill_id, dag_run_id, exception_reason, logical_date, sort_ordinal)
     VALUES ($1, $2, $3, $4, $5) RETURNING backfill_dag_run.id`,
    [run.id, run.runId, run.reason, run.date, run.ordinal],
  );
}

/** Best effort: the error that led here is the one to answer. */
async function cleanUp(api: Api, id: number): Promise<void> {
  try {
    await transaction(api.pool, (tx) => api.behaviour.backfillFailed(tx, id));
  } catch (error) {
    log('error', `backfill ${id} could not be cleaned up: ${error instanceof Error ? error.message : error}`);
  }
}
