import type { Tx } from '../behaviour.ts';
import { retriedTransaction } from '../database/retry.ts';
import { log } from '../log.ts';
import { LIMITS } from '../settings.ts';
import type { Scheduling } from './scheduling.ts';

/** A DAG's own runs, or those of one of its backfills: what a `max_active_runs` limits together. */
interface Group {
  readonly dag_id: string;
  readonly backfill_id: number | null;
  readonly max: number | null;
  readonly running: number;
}

interface QueuedRun {
  readonly id: number;
  readonly dag_id: string;
  readonly run_id: string;
  readonly backfill_id: number | null;
}

/** Advisory locks are numbered; 2 is Airflow's own for the critical section. */
const START_LOCK = 20;

/**
 * `_start_queued_dagruns`. Unlike Airflow's, only one scheduler at a time is in here: 3.3.2 locks the backfill, which
 * makes its count true, but nothing for a DAG's own runs, so that two schedulers that count at the same moment can
 * start one run too many. The scheduler that comes second leaves it to the next loop, as with the critical section.
 */
export function startQueuedRuns({ pool, behaviour }: Scheduling): Promise<void> {
  return retriedTransaction(pool, '_start_queued_dagruns', async (tx) => {
    const { rows: locks } = await tx.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [
      START_LOCK,
    ]);
    if (!locks[0]?.locked) return;
    const left = new Map<string, number>();
    const groups: Group[] = [];
    for (const group of await waitingGroups(tx)) {
      // No limit at all is Airflow's 0.
      const max = group.max === null || group.max === 0 ? Number.POSITIVE_INFINITY : group.max;
      const startable = behaviour.startableRuns({ max, running: group.running });
      if (startable <= 0) continue;
      left.set(nameOf(group), startable);
      groups.push(group);
    }
    if (groups.length === 0) return;
    const runs = await lockQueued(tx, groups);
    const backfills = await lockBackfills(tx, runs);
    const started = runs.filter((run) => {
      if (run.backfill_id !== null && !backfills.has(run.backfill_id)) return false;
      const free = left.get(nameOf(run)) ?? 0;
      left.set(nameOf(run), free - 1);
      return free > 0;
    });
    await start(tx, started);
  });
}

async function waitingGroups(tx: Tx): Promise<readonly Group[]> {
  const { rows } = await tx.query<Group>(
    `SELECT waiting.dag_id, waiting.backfill_id, coalesce(backfill.max_active_runs, dag.max_active_runs) AS max, (
       SELECT count(*) FROM dag_run
       WHERE dag_run.state = 'running' AND dag_run.dag_id = waiting.dag_id
         AND dag_run.backfill_id IS NOT DISTINCT FROM waiting.backfill_id) AS running
     FROM (
       SELECT DISTINCT dag_run.dag_id, dag_run.backfill_id FROM dag_run
       WHERE dag_run.state = 'queued' AND dag_run.run_after <= now()) AS waiting
     JOIN dag ON dag.dag_id = waiting.dag_id AND dag.is_paused = false AND dag.is_stale = false
     LEFT JOIN backfill ON backfill.id = waiting.backfill_id
     WHERE NOT coalesce(backfill.is_paused, false)`,
  );
  return rows;
}

/** `get_queued_dag_runs_to_set_running`, of the groups that have room. Backfills come last, in their own order. */
async function lockQueued(tx: Tx, groups: readonly Group[]): Promise<readonly QueuedRun[]> {
  const { rows } = await tx.query<QueuedRun>(
    `SELECT dag_run.id, dag_run.dag_id, dag_run.run_id, dag_run.backfill_id
     FROM dag_run
     LEFT JOIN backfill_dag_run
       ON backfill_dag_run.dag_run_id = dag_run.id AND backfill_dag_run.backfill_id = dag_run.backfill_id
     WHERE dag_run.state = 'queued' AND dag_run.run_after <= now()
       AND (dag_run.dag_id, coalesce(dag_run.backfill_id, -1)) IN (SELECT * FROM unnest($1::text[], $2::int[]))
     ORDER BY backfill_dag_run.sort_ordinal NULLS FIRST, dag_run.last_scheduling_decision NULLS FIRST, dag_run.run_after
     LIMIT ${LIMITS.runsPerLoop}
     FOR NO KEY UPDATE OF dag_run SKIP LOCKED`,
    [groups.map(({ dag_id }) => dag_id), groups.map(({ backfill_id }) => backfill_id ?? -1)],
  );
  return rows;
}

/** `_lock_backfills`. One that another transaction has locked, for instance an operator’s, is left to the next loop. */
async function lockBackfills(tx: Tx, runs: readonly QueuedRun[]): Promise<ReadonlySet<number>> {
  const ids = [...new Set(runs.flatMap(({ backfill_id }) => backfill_id ?? []))];
  if (ids.length === 0) return new Set();
  const { rows } = await tx.query<{ id: number }>(
    'SELECT backfill.id FROM backfill WHERE backfill.id = ANY($1) FOR UPDATE SKIP LOCKED',
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}

async function start(tx: Tx, runs: readonly QueuedRun[]): Promise<void> {
  if (runs.length === 0) return;
  await tx.query(
    `UPDATE dag_run SET state = 'running', start_date = now(), end_date = NULL, updated_at = now()
     WHERE dag_run.id = ANY($1)`,
    [runs.map(({ id }) => id)],
  );
  for (const { dag_id, run_id } of runs) log('info', `Starting run ${run_id} of ${dag_id}`);
}

function nameOf({ dag_id, backfill_id }: Pick<Group, 'dag_id' | 'backfill_id'>): string {
  return `${backfill_id ?? ''}/${dag_id}`;
}
