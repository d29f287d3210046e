-- claim: A task leaves RUNNING when its worker has sent nothing for longer than the heartbeat time-out.
-- title: A worker died and its task stayed in RUNNING
-- source: [scheduler] task_instance_heartbeat_timeout and its detection interval;
--   `_find_and_purge_task_instances_without_heartbeats`
-- needs: commits, operations, lives
-- exercised-by: workers that died without a report long enough before the end of the load
-- min-exercised: 2
-- cut-off: a death too late to be noticed in time does not count
-- because: one statement looks for all of them
-- sentence[late]: Worker {worker} died while it ran {subject} (try {try_number}); the task left RUNNING
--   {severity:seconds} after its last sign of life.
-- sentence[never]: Worker {worker} died while it ran {subject} (try {try_number}); {severity:seconds} after its last
--   sign of life, when the load ended, the task was still RUNNING.

-- given
CREATE TEMP TABLE silent AS
SELECT lives.*, sign.sent_ms AS sign_ms, sign.op, sign.sent_ms + heartbeat_timeout_ms + scheduler_bound_ms() AS until_ms
FROM lives JOIN (
  -- The server dates a sign of life by its own clock: at the latest when it answered.
  SELECT life, max(coalesce(ended_ms, sent_ms)) AS sent_ms, max(op) AS op
  FROM operations WHERE kind IN ('run', 'heartbeat') AND outcome <> 'refused' GROUP BY life
) AS sign USING (life)
CROSS JOIN plan CROSS JOIN load
WHERE lives."end" = 'silent' AND sign.sent_ms + heartbeat_timeout_ms + scheduler_bound_ms() <= load_ended_ms;

-- exercised
SELECT count(*) FROM silent;

-- violations
WITH gone AS (
  SELECT old_ti_id AS ti_id, min(committed_ms) AS committed_ms, arg_min(seq, seq) AS seq
  FROM task_instance_changes
  WHERE old_state = 'running' AND (state IS DISTINCT FROM 'running' OR ti_id <> old_ti_id OR change = 'delete')
  GROUP BY old_ti_id
)
SELECT silent.*, seq, until_ms AS at_ms, CASE WHEN seq IS NULL THEN 'never' ELSE 'late' END AS variant,
  coalesce(committed_ms, load_ended_ms) - sign_ms AS severity
FROM silent LEFT JOIN gone USING (ti_id) CROSS JOIN load
WHERE coalesce(committed_ms > until_ms, true)
  AND NOT excused_delay(sign_ms, least(coalesce(committed_ms, load_ended_ms), load_ended_ms));
