-- claim: Task instances that are QUEUED or RUNNING never take more slots than their pool has.
-- title: More tasks ran or were queued at once than their pool has slots
-- source: a pool's `slots`; schedulers count them under a lock that one of them holds at a time
-- needs: commits
-- exercised-by: tasks that were queued into the last free slot
-- min-exercised: 20
-- because: who counts wrongly, or together with another scheduler, goes beyond the limit as soon as it is reached

-- given
-- The DAGs of a scenario have one pool, in which each task takes one slot.
CREATE TEMP TABLE changes AS
SELECT *
FROM (
  SELECT seq, xid, committed_ms, writer, dag_id, run_id, task_id, map_index,
    coalesce(state IN ('queued', 'running') AND change <> 'delete', false)::INTEGER
      - coalesce(old_state IN ('queued', 'running'), false)::INTEGER AS step
  FROM task_instance_changes CROSS JOIN plan WHERE pool_slots IS NOT NULL
)
WHERE step <> 0;

CREATE TEMP TABLE taken AS
SELECT *, sum(steps) OVER (ORDER BY seq) AS slots_taken
FROM (
  -- As others see it: all that a transaction changes at once.
  SELECT
    xid, max(seq) AS seq, max(committed_ms) AS committed_ms, sum(step) AS steps, any_value(writer) AS writer,
    count(*) FILTER (step = 1) AS taking
  FROM changes GROUP BY xid
);

-- exercised
SELECT coalesce(sum(taking), 0) FROM taken, plan WHERE steps > 0 AND slots_taken >= pool_slots;

-- violations
WITH too_many AS (
  SELECT * FROM taken CROSS JOIN plan WHERE steps > 0 AND slots_taken > pool_slots
), proof AS (
  SELECT xid, arg_max(subject_of(dag_id, run_id, task_id, map_index), seq) AS last_subject, list(seq ORDER BY seq) AS seqs
  FROM changes SEMI JOIN too_many USING (xid) WHERE step = 1 GROUP BY xid
)
SELECT
  committed_ms AS at_ms,
  last_subject AS subject,
  coalesce(role_of(writer), 'unknown writer') AS variant,
  slots_taken - pool_slots AS severity,
  format('{} took {:d} slots more, so that {:d} task instances were QUEUED or RUNNING at once in a pool of {:d} slots; '
    || 'the last one was {}.', coalesce(writer, 'An unknown process'), steps::BIGINT, slots_taken::BIGINT, pool_slots,
    last_subject) AS sentence,
  []::BIGINT[] AS operations,
  seqs[:10] AS commits
FROM too_many JOIN proof USING (xid);
