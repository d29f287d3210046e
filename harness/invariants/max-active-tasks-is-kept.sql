-- claim: No more task instances of a DAG run are QUEUED or RUNNING at once than the DAG's max_active_tasks allows.
-- title: More tasks of a run were queued than max_active_tasks allows
-- source: documentation on `max_active_tasks`, which counts for each run since 2.10 or so; `_executable_task_instances_to_queued`
-- needs: commits
-- exercised-by: task instances that were queued up to the very limit
-- min-exercised: 10
-- because: who counts wrongly goes beyond the limit as soon as it is reached

-- given
CREATE TEMP TABLE changes AS
SELECT *
FROM (
  SELECT seq, xid, committed_ms, writer, dag_id, run_id, max_active_tasks,
    coalesce(state IN ('queued', 'running') AND change <> 'delete', false)::INTEGER
      - coalesce(old_state IN ('queued', 'running'), false)::INTEGER AS step
  FROM task_instance_changes JOIN plan_dags USING (dag_id)
  WHERE max_active_tasks IS NOT NULL
)
WHERE step <> 0;

CREATE TEMP TABLE taken AS
WITH transactions AS (
  -- As others see it: all that a transaction changes at once.
  SELECT
    dag_id, run_id, xid, any_value(max_active_tasks) AS max_active_tasks, max(seq) AS seq,
    max(committed_ms) AS committed_ms, sum(step) AS steps, any_value(writer) AS writer,
    count(*) FILTER (step = 1) AS taking
  FROM changes GROUP BY dag_id, run_id, xid
)
SELECT *, sum(steps) OVER (PARTITION BY dag_id, run_id ORDER BY seq) AS active FROM transactions;

-- exercised
SELECT coalesce(sum(taking), 0) FROM taken WHERE steps > 0 AND active >= max_active_tasks;

-- violations
WITH too_many AS (
  SELECT * FROM taken WHERE steps > 0 AND active > max_active_tasks
), proof AS (
  SELECT dag_id, run_id, xid, list(seq ORDER BY seq) AS seqs
  FROM changes SEMI JOIN too_many USING (dag_id, run_id, xid) WHERE step = 1 GROUP BY ALL
)
SELECT
  committed_ms AS at_ms,
  subject_of(dag_id, run_id, NULL, NULL) AS subject,
  coalesce(role_of(writer), 'unknown writer') AS variant,
  active - max_active_tasks AS severity,
  format('{} queued {:d} more, so that {:d} task instances of the run {} of {} were QUEUED or RUNNING at once, where '
    || 'max_active_tasks is {:d}.', coalesce(writer, 'An unknown process'), steps::BIGINT, active::BIGINT, run_id,
    dag_id, max_active_tasks) AS sentence,
  []::BIGINT[] AS operations,
  seqs[:10] AS commits
FROM too_many JOIN proof USING (dag_id, run_id, xid);
