-- Whether a change of a task instance takes a slot (1) or gives it back (-1).
CREATE OR REPLACE MACRO took_slot(state, old_state, change) AS
  coalesce(state IN ('queued', 'running') AND change <> 'delete', false)::INTEGER
    - coalesce(old_state IN ('queued', 'running'), false)::INTEGER;

-- The same of a place among the active instances of a task, which a deferred one keeps.
CREATE OR REPLACE MACRO took_place(state, old_state, change) AS
  coalesce(state IN ('queued', 'running', 'deferred') AND change <> 'delete', false)::INTEGER
    - coalesce(old_state IN ('queued', 'running', 'deferred'), false)::INTEGER;

-- One row: a task of the plan.
CREATE OR REPLACE VIEW plan_tasks AS
SELECT dag_id, unnest(task) FROM (SELECT dag_id, unnest(tasks) AS task FROM plan_dags);

-- What DAG runs may hold at a time: slots of a pool, tasks of a run, instances of a task, runs of a DAG or of a
-- backfill. `scope` is the pool, run, task, DAG or backfill that has the limit. No rows if the scenario sets no limit.
CREATE OR REPLACE VIEW limited_changes AS
SELECT 'pool' AS kind, plan_pools.pool AS scope, slots AS most, dag_id, run_id, task_id, map_index,
  NULL::BIGINT AS backfill_id, seq, xid, committed_ms, writer, took_slot(state, old_state, change) AS step
-- Each task takes one slot.
FROM task_instance_changes LEFT JOIN plan_tasks USING (dag_id, task_id)
  JOIN plan_pools ON plan_pools.pool = coalesce(plan_tasks.pool, 'default_pool')
UNION ALL
SELECT 'tasks of a run', concat_ws('/', dag_id, run_id), max_active_tasks, dag_id, run_id, NULL, NULL, NULL,
  seq, xid, committed_ms, writer, took_slot(state, old_state, change)
FROM task_instance_changes JOIN plan_dags USING (dag_id) WHERE max_active_tasks IS NOT NULL
UNION ALL
SELECT kind, concat_ws('/', dag_id, task_id, CASE WHEN per_run THEN run_id END), most, dag_id, run_id, task_id,
  map_index, NULL, seq, xid, committed_ms, writer,
  CASE WHEN deferred THEN took_place(state, old_state, change) ELSE took_slot(state, old_state, change) END
FROM task_instance_changes JOIN (
  SELECT *, 'instances of a task' || CASE WHEN per_run THEN ' in its run' ELSE '' END
    || CASE WHEN deferred THEN ', deferred ones too' ELSE '' END AS kind
  FROM (
    SELECT dag_id, task_id, max_active_tis_per_dag AS most, false AS per_run, unnest([false, true]) AS deferred
    FROM plan_tasks
    UNION ALL
    SELECT dag_id, task_id, max_active_tis_per_dagrun, true, unnest([false, true]) FROM plan_tasks
  )
  WHERE most IS NOT NULL
) AS allowed USING (dag_id, task_id)
UNION ALL
SELECT 'runs of a DAG', concat_ws('/', runs.dag_id, runs.backfill_id), max_active_runs, runs.dag_id, run_id, NULL, NULL,
  runs.backfill_id, seq, xid, committed_ms, writer,
  (coalesce(state, '') = 'running' AND change <> 'delete')::INTEGER - (coalesce(old_state, '') = 'running')::INTEGER
FROM (
  -- A delete names the id alone.
  SELECT * REPLACE (coalesce(dag_id, lag(dag_id) OVER of_run) AS dag_id,
    coalesce(backfill_id, lag(backfill_id) OVER of_run) AS backfill_id)
  FROM dag_run_changes WINDOW of_run AS (PARTITION BY dag_run_id ORDER BY seq)
) AS runs
JOIN (
  SELECT dag_id, NULL::BIGINT AS backfill_id, max_active_runs FROM plan_dags
  UNION ALL
  SELECT dag_id, try_cast(id AS BIGINT), any_value(try_cast("row" ->> 'max_active_runs' AS INTEGER))
  FROM commits WHERE relation = 'backfill' AND change <> 'delete' GROUP BY ALL
) AS allowed ON allowed.dag_id = runs.dag_id AND allowed.backfill_id IS NOT DISTINCT FROM runs.backfill_id;

-- One row: a change that took one more of what `limited_kind` limits, and how many are then held. Others see all that a
-- transaction changes at once: `taking` are those that it took and `steps` its sum, and `is_last` the last one that it
-- took. `held` counts what it gives back afterwards, `held_after` also what it takes afterwards. `before_*`: the change
-- that took one before. `seqs`: the transaction's, of those that go beyond the limit.
CREATE OR REPLACE MACRO occupancy(limited_kind) AS TABLE
WITH counted AS (
  SELECT *,
    sum(step) OVER up_to + coalesce(sum(step) OVER later, 0) AS held_after,
    sum(step) OVER up_to + coalesce(sum(least(step, 0)) OVER later, 0) AS held,
    sum(step) OVER whole_xid AS steps, sum(greatest(step, 0)) OVER whole_xid AS taking,
    step = 1 AND coalesce(max(step) OVER later, -1) < 1 AS is_last
  FROM limited_changes WHERE kind = limited_kind AND step <> 0
  WINDOW up_to AS (PARTITION BY scope ORDER BY seq), whole_xid AS (PARTITION BY scope, xid),
    later AS (PARTITION BY scope, xid ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
), taken AS (
  SELECT *, lag(committed_ms) OVER others AS before_ms, lag(writer) OVER others AS before_writer,
    lag(seq) OVER others AS before_seq
  FROM counted WHERE step = 1 WINDOW others AS (PARTITION BY scope ORDER BY seq)
), proof AS (
  SELECT scope, xid, list(seq ORDER BY seq)[:10] AS seqs FROM taken
  SEMI JOIN (FROM taken WHERE held_after > most) AS beyond USING (scope, xid) GROUP BY ALL
)
SELECT taken.*, proof.seqs FROM taken LEFT JOIN proof USING (scope, xid);
