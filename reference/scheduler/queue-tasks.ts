import type { Behaviour, Tx } from '../behaviour.ts';
import { transaction } from '../database/connect.ts';
import { sqlStateOf } from '../database/retry.ts';
import { log } from '../log.ts';
import { LIMITS } from '../settings.ts';
import { type Scheduling, TASK_INSTANCE } from './scheduling.ts';
import type { QueuedTask } from './workload.ts';

/** `DBLocks.SCHEDULER_CRITICAL_SECTION`. */
const CRITICAL_SECTION = 2;
const LOCK_NOT_AVAILABLE = '55P03';

interface Candidate extends QueuedTask {
  readonly max_active_tasks: number;
  readonly has_task_concurrency_limits: boolean;
}

interface Pool {
  readonly slots: number;
  open: number;
}

/**
 * The critical section: SCHEDULED to QUEUED, by one scheduler at a time. Returns what it has queued, after its commit;
 * nothing if another scheduler is in there.
 */
export async function queueTasks(scheduling: Scheduling): Promise<readonly QueuedTask[]> {
  const { pool, behaviour, jobId, executor } = scheduling;
  const limit = Math.min(LIMITS.taskInstancesPerQuery, executor.openSlots);
  if (limit <= 0) return [];
  try {
    return await transaction(pool, async (tx) => {
      const { rows } = await tx.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [
        CRITICAL_SECTION,
      ]);
      if (!rows[0]?.locked) return [];
      const { pools, waiting } = await slotsStats(tx, behaviour);
      // Airflow asks for candidates all the same; most loops find none.
      if (!waiting) return [];
      const chosen = await choose(tx, scheduling, pools, limit);
      await queue(tx, chosen, jobId);
      return chosen;
    });
  } catch (error) {
    if (sqlStateOf(error) === LOCK_NOT_AVAILABLE) return [];
    throw error;
  }
}

/** `Pool.slots_stats(lock_rows=True)`. */
async function slotsStats(tx: Tx, { freeSlots }: Behaviour): Promise<{ pools: Map<string, Pool>; waiting: boolean }> {
  const { rows } = await tx.query<{ pool: string; slots: number; include_deferred: boolean }>(
    'SELECT slot_pool.pool, slot_pool.slots, slot_pool.include_deferred FROM slot_pool FOR NO KEY UPDATE NOWAIT',
  );
  const { rows: counts } = await tx.query<{ pool: string; state: string; taken: number }>(
    `SELECT task_instance.pool, task_instance.state, sum(task_instance.pool_slots) AS taken FROM task_instance
     WHERE task_instance.state IN ('running', 'queued', 'deferred', 'scheduled')
     GROUP BY task_instance.pool, task_instance.state`,
  );
  const pools = new Map<string, Pool>();
  for (const { pool, slots, include_deferred } of rows) {
    const counted = include_deferred ? ['running', 'queued', 'deferred'] : ['running', 'queued'];
    const taken = counts
      .filter((count) => count.pool === pool && counted.includes(count.state))
      .reduce((sum, count) => sum + count.taken, 0);
    const total = slots === -1 ? Number.POSITIVE_INFINITY : slots;
    pools.set(pool, { slots: total, open: freeSlots({ name: pool, slots: total, taken }) });
  }
  return { pools, waiting: counts.some(({ state }) => state === 'scheduled') };
}

/** What has no room, so that a query that found nothing else is asked again without it. */
interface Starved {
  readonly pools: Set<string>;
  readonly dags: Set<string>;
  /** `dag_id/task_id`, and `dag_id/task_id/run_id`. */
  readonly tasks: Set<string>;
}

/** `_executable_task_instances_to_queued`: asks again without what is starved, as long as that finds nothing. */
async function choose(
  tx: Tx,
  { behaviour, dags }: Scheduling,
  pools: ReadonlyMap<string, Pool>,
  limit: number,
): Promise<readonly QueuedTask[]> {
  const starved: Starved = {
    pools: new Set([...pools].filter(([, { open }]) => open <= 0).map(([name]) => name)),
    dags: new Set(),
    tasks: new Set(),
  };
  const active = await countActive(tx, behaviour);
  const sizeOf = () => starved.pools.size + starved.dags.size + starved.tasks.size;
  for (;;) {
    const starvedBefore = sizeOf();
    const candidates = await lockCandidates(tx, limit, starved);
    const limitsOf = await taskLimits(tx, dags, candidates);
    const chosen: QueuedTask[] = [];
    for (const ti of candidates) {
      const pool = pools.get(ti.pool);
      const run = `${ti.run_id}/${ti.dag_id}`;
      const limits = limitsOf(ti);
      const full = limits.find(({ key, max }) => !behaviour.taskHasRoom({ max, active: active.get(key) ?? 0 }));
      if (!pool || pool.open < ti.pool_slots) {
        starved.pools.add(ti.pool);
      } else if (!behaviour.hasRoom({ max: ti.max_active_tasks, active: active.get(run) ?? 0 })) {
        starved.dags.add(ti.dag_id);
      } else if (full) {
        starved.tasks.add(full.key);
      } else {
        chosen.push(ti);
        pool.open -= ti.pool_slots;
        for (const key of [run, ...limits.map((one) => one.key)]) active.set(key, (active.get(key) ?? 0) + 1);
      }
    }
    if (chosen.length > 0 || candidates.length < limit || sizeOf() === starvedBefore) return chosen;
  }
}

/** The limits that an instance's own task sets, each with the key by which `countActive` counts. */
async function taskLimits(tx: Tx, bag: Scheduling['dags'], candidates: readonly Candidate[]) {
  const limited = await bag.latest(
    tx,
    candidates.filter((ti) => ti.has_task_concurrency_limits).map((ti) => ti.dag_id),
  );
  return ({ dag_id, task_id, run_id }: Candidate): readonly { readonly key: string; readonly max: number }[] => {
    const task = limited.get(dag_id)?.json.tasks.find((one) => one.task_id === task_id);
    const { max_active_tis_per_dag: perDag, max_active_tis_per_dagrun: perRun } = task ?? {};
    return [
      ...(perDag === undefined ? [] : [{ key: `${dag_id}/${task_id}`, max: perDag }]),
      ...(perRun === undefined ? [] : [{ key: `${dag_id}/${task_id}/${run_id}`, max: perRun }]),
    ];
  };
}

/** `ConcurrencyMap`: how many are active in each run, of each task, and of each task in each run. */
async function countActive(tx: Tx, { activeStates }: Behaviour): Promise<Map<string, number>> {
  const { rows } = await tx.query<{ dag_id: string; task_id: string; run_id: string; state: string; count: number }>(
    `SELECT task_instance.dag_id, task_instance.task_id, task_instance.run_id, task_instance.state, count(*) AS count
     FROM task_instance WHERE task_instance.state IN ('running', 'queued', 'deferred')
     GROUP BY task_instance.dag_id, task_instance.task_id, task_instance.run_id, task_instance.state`,
  );
  const active = new Map<string, number>();
  for (const { dag_id, task_id, run_id, state, count } of rows) {
    const keys = [
      ...(state === 'deferred' ? [] : [`${run_id}/${dag_id}`]),
      ...(activeStates.has(state) ? [`${dag_id}/${task_id}`, `${dag_id}/${task_id}/${run_id}`] : []),
    ];
    for (const key of keys) active.set(key, (active.get(key) ?? 0) + count);
  }
  return active;
}

/** The ranked query. Its last condition is not Airflow's: it sees, once a row is locked, whether a user moved it on. */
async function lockCandidates(tx: Tx, limit: number, starved: Starved): Promise<readonly Candidate[]> {
  const { rows } = await tx.query<Candidate>(
    `SELECT ${TASK_INSTANCE}, task_instance.queue, task_instance.priority_weight, ranked.max_active_tasks,
       ranked.has_task_concurrency_limits, ranked.bundle_name, ranked.bundle_version, ranked.relative_fileloc
     FROM (
       SELECT task_instance.dag_id, task_instance.task_id, task_instance.run_id, task_instance.map_index,
         task_instance.priority_weight, dag_run.logical_date, dag.max_active_tasks,
         dag.has_task_concurrency_limits, dag.bundle_name,
         dag_run.bundle_version, dag.relative_fileloc,
         row_number() OVER (PARTITION BY task_instance.dag_id, task_instance.run_id
           ORDER BY -task_instance.priority_weight, dag_run.logical_date, task_instance.map_index) AS row_num
       FROM task_instance
       JOIN dag_run ON dag_run.dag_id = task_instance.dag_id AND dag_run.run_id = task_instance.run_id
       JOIN dag ON dag.dag_id = task_instance.dag_id
       LEFT JOIN (
         SELECT task_instance.dag_id, task_instance.run_id, count(*) AS task_per_dr_count FROM task_instance
         WHERE task_instance.state IN ('running', 'queued') GROUP BY task_instance.dag_id, task_instance.run_id
       ) AS active ON active.dag_id = task_instance.dag_id AND active.run_id = task_instance.run_id
       WHERE dag_run.state = 'running' AND NOT dag.is_paused AND task_instance.state = 'scheduled'
         AND coalesce(active.task_per_dr_count, 0) < dag.max_active_tasks
         AND task_instance.pool <> ALL($1) AND task_instance.dag_id <> ALL($2)
         AND concat_ws('/', task_instance.dag_id, task_instance.task_id) <> ALL($4)
         AND concat_ws('/', task_instance.dag_id, task_instance.task_id, task_instance.run_id) <> ALL($4)
     ) AS ranked
     JOIN task_instance ON task_instance.dag_id = ranked.dag_id AND task_instance.task_id = ranked.task_id
       AND task_instance.run_id = ranked.run_id AND task_instance.map_index = ranked.map_index
     WHERE ranked.row_num <= ranked.max_active_tasks AND task_instance.state = 'scheduled'
     ORDER BY -ranked.priority_weight, ranked.logical_date, ranked.map_index LIMIT $3
     FOR NO KEY UPDATE OF task_instance SKIP LOCKED`,
    [[...starved.pools], [...starved.dags], limit, [...starved.tasks]],
  );
  return rows;
}

async function queue(tx: Tx, tis: readonly QueuedTask[], jobId: number): Promise<void> {
  if (tis.length === 0) return;
  log('info', `Setting ${tis.length} tasks to queued state (scheduler job_id=${jobId})`);
  await tx.query(
    `UPDATE task_instance SET state = 'queued', queued_dttm = clock_timestamp(), queued_by_job_id = $2,
       updated_at = now()
     WHERE task_instance.id = ANY($1::uuid[])`,
    [tis.map(({ id }) => id), jobId],
  );
}
