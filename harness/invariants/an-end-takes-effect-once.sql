-- claim: The end of a try that a worker reports takes effect once, however often the report is sent.
-- title: The end of a try took effect twice
-- source: a report is carried out in RUNNING alone; a replay is answered 200 (#63355) or refused, and changes nothing
-- needs: commits, operations, writers
-- exercised-by: end reports that were sent again after they had taken effect
-- min-exercised: 5
-- cut-off: a report without an answer does not count
-- because: a build that carries out a repeated end does so each time
-- sentence: The end {state:state} that {reporter} reported for {subject} (try {try_number}) took effect although the
--   task was already {old_state:state|NONE}[, {after_ms:seconds} after the end before it].
-- sentence[logged twice]: The end {event:state} that worker {worker} reported for {subject} (try {try_number}) is
--   {times} times in the audit log: it took effect more than once.

-- given
CREATE TEMP TABLE ends AS
SELECT
  *,
  lag(seq) OVER history AS before_seq, lag(committed_ms) OVER history AS before_ms
FROM task_instance_changes
-- Skips of other tasks come from there, too; no worker of ours ends its own task as skipped.
WHERE writer_role = 'api-execution' AND state IN ('success', 'failed', 'up_for_retry') AND change = 'update'
WINDOW history AS (PARTITION BY dag_id, run_id, task_id, map_index ORDER BY seq);

-- exercised
SELECT count(*)
FROM operations AS replay JOIN (
  SELECT old_ti_id AS ti_id, min(committed_ms) AS committed_ms FROM ends WHERE old_state = 'running' GROUP BY ALL
) AS carried_out USING (ti_id)
WHERE replay.kind = 'state' AND replay.attempt > 1 AND replay.status IS NOT NULL
  AND replay.sent_ms >= carried_out.committed_ms - clock_tolerance_ms();

-- violations
WITH carried_out AS (
  -- One transaction may change a row twice: first its state, then its id.
  SELECT DISTINCT xid, dag_id, run_id, task_id, map_index FROM ends WHERE old_state = 'running'
), again AS (
  SELECT * FROM ends ANTI JOIN carried_out USING (xid, dag_id, run_id, task_id, map_index)
  WHERE old_state IS DISTINCT FROM 'running' AND old_seen
    -- No end: a worker that does not know yet that its task was marked says what its map index is called.
    AND seq NOT IN (
      SELECT seq FROM commits SEMI JOIN ends USING (seq)
      WHERE kind_of(statement) = 'UPDATE task_instance SET rendered_map_index')
), reports AS (
  SELECT again.seq, max(operations.op) AS op, arg_max(operations.worker, operations.op) AS worker
  FROM again JOIN operations ON operations.kind = 'state'
    AND operations.ti_id = again.old_ti_id AND operations.requested = again.state
    AND may_have_committed(operations.sent_ms, operations.ended_ms, operations.outcome, again.committed_ms)
  GROUP BY again.seq
), notes AS (
  SELECT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, try_number, event FROM final_log
), mismatched AS (
  -- A scheduler that fails a task because the executor reported its end logs FAILED in addition to this.
  SELECT * EXCLUDE (event), count(*) AS times FROM notes WHERE event = 'state mismatch' GROUP BY ALL
), audited AS (
  -- Since 3.2 the Execution API notes each end that it carries out, in the same transaction.
  SELECT notes.*, count(*) - coalesce(max(CASE WHEN event = 'failed' THEN mismatched.times END), 0) AS times
  FROM notes LEFT JOIN mismatched USING (dag_id, run_id, task_id, map_index, try_number)
  WHERE event IN ('success', 'failed', 'up_for_retry') AND try_number >= 1
  GROUP BY ALL HAVING times > 1
), twice_reported AS (
  SELECT dag_id, run_id, task_id, map_index, try_number, requested, list(op ORDER BY op) AS ops,
    max(coalesce(ended_ms, sent_ms)) AS at_ms, any_value(worker) AS worker
  FROM operations SEMI JOIN audited USING (dag_id, run_id, task_id, map_index, try_number)
  WHERE kind = 'state' AND outcome <> 'refused'
  GROUP BY ALL HAVING count(DISTINCT ti_id) = 1
)
SELECT *, committed_ms AS at_ms, committed_ms - before_ms AS after_ms,
  format('{} after {}', state, coalesce(old_state, 'none')) AS variant,
  committed_ms - coalesce(before_ms, old_since_ms) AS severity, coalesce('worker ' || worker, 'a worker') AS reporter,
  [op] AS operations, [before_seq, seq] AS commits
FROM again LEFT JOIN reports USING (seq)
UNION ALL BY NAME
SELECT *, 'logged twice' AS variant, times AS severity, ops AS operations
FROM audited JOIN twice_reported USING (dag_id, run_id, task_id, map_index, try_number)
WHERE requested = event;
