-- One row: a deadlock and what came of it. `is_explained` where every side has a name, a deed and a subject.
-- The request that failed, its next sending, and how the task instance stands in the end.
CREATE TABLE dossiers AS
WITH victims AS (
  -- The request of the victim's side, where it failed.
  SELECT deadlocks.* REPLACE (coalesce(deadlocks.operation, served.op) AS operation)
  FROM deadlocks LEFT JOIN (
    SELECT deadlock, op FROM deadlock_sides JOIN (SELECT op FROM operations WHERE status >= 500) USING (op) WHERE is_victim
  ) AS served USING (deadlock)
), explained AS (
  SELECT deadlock, count(*) > 1 AND bool_and(
    deed IS NOT NULL AND subject IS NOT NULL AND process <> 'an unknown process') AS is_explained
  FROM deadlock_sides GROUP BY deadlock
), died AS (
  -- Airflow's scheduler does not always survive to lose a transaction.
  SELECT deadlock, min(logs.at_ms) AS died_ms
  FROM victims AS deadlocks JOIN server_log AS logs ON logs.severity = 'FATAL' AND 'wt-' || logs.source = sides[1].process
    AND logs.at_ms BETWEEN deadlocks.at_ms AND deadlocks.at_ms + 10000
  GROUP BY deadlock
), retried AS (
  SELECT deadlock, first.op AS op, again.op AS retry
  FROM victims AS deadlocks JOIN operations AS first ON first.op = deadlocks.operation
  JOIN operations AS again ON again.life = first.life AND again.kind = first.kind AND again.ti_id = first.ti_id
    AND again.requested IS NOT DISTINCT FROM first.requested AND again.attempt > first.attempt
    AND again.sent_ms > first.sent_ms
  QUALIFY row_number() OVER (PARTITION BY deadlock ORDER BY again.sent_ms, again.op) = 1
), ended AS (
  -- The first state after the deadlock that the task left RUNNING for, under the id that it had then.
  SELECT deadlock, changes.seq, changes.state, changes.committed_ms, changes.writer
  FROM victims AS deadlocks JOIN operations AS failed ON failed.op = deadlocks.operation
  JOIN task_instance_changes AS changes ON changes.old_ti_id = failed.ti_id
  WHERE changes.committed_ms >= deadlocks.at_ms - clock_tolerance_ms() AND changes.change = 'update'
    AND changes.old_state IS DISTINCT FROM changes.state
  QUALIFY row_number() OVER (PARTITION BY deadlock ORDER BY changes.seq) = 1
)
SELECT
  deadlocks.deadlock, deadlocks.at_ms, deadlocks.xid, deadlocks.roles, deadlocks.fingerprint, deadlocks.operation, coalesce(is_explained, false) AS is_explained,
  died.died_ms,
  failed.status, failed.ended_ms AS answered_ms, failed.requested,
  retried.retry, again.status AS retry_status, again.sent_ms AS retry_ms, again.outcome AS retry_outcome,
  ended.seq AS end_commit, ended.state AS end_state, ended.committed_ms AS end_ms, ended.writer AS end_writer
FROM victims AS deadlocks
LEFT JOIN explained USING (deadlock)
LEFT JOIN died USING (deadlock)
LEFT JOIN operations AS failed ON failed.op = deadlocks.operation
LEFT JOIN retried USING (deadlock)
LEFT JOIN operations AS again ON again.op = retried.retry
LEFT JOIN ended USING (deadlock);
