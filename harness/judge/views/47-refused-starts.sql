-- One row: a worker's first start that was refused although it had been handed the task and nothing that may take it
-- away came between: each is a violation of handed-off-can-start. `seq`: the change that took the task away, NULL if
-- there was none. `by_first_worker`: it had been requeued although a worker had started it, or was about to (#49889).
CREATE OR REPLACE TABLE refused_starts AS
WITH refused AS (
  SELECT operations.*, lives.handed_ms, lives.scheduler
  FROM operations JOIN lives USING (life)
  -- A start that is sent again may be refused because of its first attempt.
  WHERE operations.kind = 'run' AND operations.attempt = 1 AND operations.status IN (401, 403, 404, 409, 410)
), taken_away AS (
  -- The last change of the try before the answer, other than queueing it.
  SELECT refused.op, changes.seq, changes.committed_ms, changes.state, changes.change, changes.old_state,
    changes.writer, changes.writer_role
  FROM refused ASOF JOIN (
    SELECT * FROM task_instance_changes SEMI JOIN refused ON refused.ti_id = task_instance_changes.old_ti_id
    WHERE old_state IN ('queued', 'running', 'scheduled')
      AND (state IS DISTINCT FROM old_state OR ti_id <> old_ti_id OR change = 'delete')
      -- A clear of a queued task may give it its next id first, and take it out of QUEUED afterwards.
      AND (state IS DISTINCT FROM 'queued' OR ti_id <> old_ti_id)
  ) AS changes ON changes.old_ti_id = refused.ti_id AND refused.ended_ms + clock_tolerance_ms() >= changes.committed_ms
), by_operator AS (
  SELECT op FROM taken_away WHERE writer_role = 'api-core'
  UNION
  SELECT refused.op
  FROM refused JOIN operator_actions AS action USING (dag_id, run_id) LEFT JOIN taken_away ON taken_away.op = refused.op
  WHERE taken_away.writer_role IS NULL
    AND may_have_committed(action.sent_ms, action.ended_ms, action.outcome, coalesce(committed_ms, refused.ended_ms))
), by_skip AS (
  SELECT refused.op
  FROM refused JOIN taken_away USING (op) JOIN skips USING (dag_id, run_id, task_id)
  WHERE taken_away.state = 'skipped' AND coalesce(writer_role = 'api-execution', true)
    AND may_have_committed(skips.sent_ms, skips.ended_ms, skips.outcome, committed_ms)
), by_adoption AS (
  -- Another scheduler resets what a dead one had queued.
  SELECT op
  FROM taken_away JOIN (
    SELECT at_ms, at_ms + adoption_ms() AS until_ms FROM server_log
    WHERE (severity = 'FATAL' AND source LIKE 'scheduler%') OR message LIKE '%Marked % SchedulerJob%'
    UNION ALL
    SELECT opened_ms, excused_ms FROM fault_windows
  ) AS death ON committed_ms BETWEEN death.at_ms - clock_tolerance_ms() AND death.until_ms
  WHERE coalesce(writer_role = 'scheduler', true) AND (state IS NULL OR change = 'delete')
), by_duplicate AS (
  -- A fault gave one workload to two workers, and another one had started it, or may have. A task that was deferred
  -- comes back under its old id: then a late copy of its first part may have the place of its second.
  SELECT refused.op
  FROM refused JOIN lives ON lives.life = refused.life AND lives.ti_id = refused.ti_id
  JOIN lives AS other ON other.ti_id = refused.ti_id AND other.life <> refused.life
    AND (other.duplicate_of IS NOT NULL OR lives.duplicate_of IS NOT NULL)
  JOIN operations AS start ON start.life = other.life AND start.kind = 'run' AND start.outcome <> 'refused'
    AND start.sent_ms <= refused.ended_ms
), by_deadline AS (
  -- [scheduler] task_queued_timeout. Not since its last change: an executor's id, for instance, is written later.
  SELECT op
  FROM (SELECT taken_away.*, ti_id FROM taken_away JOIN refused USING (op)) AS taken_away ASOF JOIN (
    SELECT seq, committed_ms, ti_id FROM task_instance_changes SEMI JOIN refused USING (ti_id)
    WHERE state = 'queued' AND old_state IS DISTINCT FROM 'queued'
  ) AS arrival ON arrival.ti_id = taken_away.ti_id AND taken_away.seq > arrival.seq
  CROSS JOIN plan
  WHERE old_state = 'queued' AND taken_away.committed_ms - arrival.committed_ms >= queued_timeout_ms
), by_lifetime AS (
  -- The token that comes with a task ends with the time-out for queued tasks; a scheduler that was cut off took nothing
  -- back.
  SELECT op FROM refused CROSS JOIN plan WHERE status IN (401, 403) AND ended_ms - handed_ms >= queued_timeout_ms
), by_first_worker AS (
  -- #49889: it had been requeued although a worker had started it, or was about to, and a second worker got it.
  SELECT DISTINCT refused.op
  FROM refused JOIN taken_away USING (op) JOIN task_instance_changes AS changes ON changes.ti_id = refused.ti_id
  JOIN taken_back ON taken_back.seq = changes.seq
  WHERE taken_away.writer_role = 'api-execution' AND taken_back.seq < taken_away.seq
)
SELECT refused.*, taken_away.seq, taken_away.committed_ms, taken_away.state, taken_away.change, taken_away.writer,
  taken_away.writer_role, refused.op IN (FROM by_first_worker) AS by_first_worker
FROM refused LEFT JOIN taken_away USING (op)
WHERE refused.op NOT IN (FROM by_operator) AND refused.op NOT IN (FROM by_skip)
  AND refused.op NOT IN (FROM by_adoption) AND refused.op NOT IN (FROM by_deadline)
  AND refused.op NOT IN (FROM by_duplicate) AND refused.op NOT IN (FROM by_lifetime);
