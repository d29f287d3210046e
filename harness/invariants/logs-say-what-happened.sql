-- claim: A task of which the log of an API server or a scheduler says that it is set to failed, is.
-- title: A log says that a task failed, and it did not
-- known-issues: #66734
-- source: issue #66734: "Setting the task to failed" in a transaction that PostgreSQL had aborted; the task succeeded
-- needs: server_log, commits
-- exercised-by: lines of logs that say that a task failed
-- min-exercised: 1
-- cut-off: a line in the first or last moments of the record counts only with its commit
-- because: each line is right or wrong
-- sentence: The log of {source} says that {subject} was set to {claimed:state}[; the request {kind} of {worker} was
--   answered {status}], but {what}.

-- given
-- A line has its time when it was read, which may be seconds after what it says.
CREATE TEMP TABLE claims AS
WITH lines AS (
  SELECT row_number() OVER (ORDER BY at_ms, source, message) AS claim, at_ms, source, message,
    regexp_extract(message, 'correlation_id=([0-9a-f-]+)', 1) AS correlation_id,
    regexp_extract(message, 'ti_id=([0-9a-f-]{36})', 1) AS ti_id
  FROM server_log
  -- Of 3.1 and of later releases; a scheduler says it with the names of the task.
  WHERE (source LIKE 'api-%' AND regexp_matches(message, 'Set(ting)? the task to failed'))
    OR (source LIKE 'scheduler%' AND message LIKE '%Marking task as %')
), names AS (
  SELECT claim, said.* FROM (
    SELECT claim, regexp_extract(message,
      'Marking task as ([A-Z_]+)\. dag_id=(.+?), task_id=(.+?), run_id=(.+?), (?:map_index=(\d+), )?logical_date=',
      ['state', 'dag_id', 'task_id', 'run_id', 'map_index']) AS said
    FROM lines WHERE source LIKE 'scheduler%'
  ) WHERE said.state <> ''
), by_id AS (
  SELECT claim, lines.at_ms, source, 'failed' AS claimed, coalesce(nullif(lines.ti_id, ''), operations.ti_id) AS ti_id,
    op, kind, worker, status, coalesce(sent_ms, lines.at_ms - 10000) AS from_ms
  FROM lines LEFT JOIN operations ON operations.correlation_id = nullif(lines.correlation_id, '')
  WHERE source LIKE 'api-%'
)
SELECT by_id.*, dag_id, run_id, task_id, map_index
FROM by_id JOIN (
  SELECT ti_id, any_value(dag_id) AS dag_id, any_value(run_id) AS run_id, any_value(task_id) AS task_id,
    any_value(map_index) AS map_index
  FROM task_instance_changes SEMI JOIN by_id USING (ti_id) GROUP BY ti_id
) AS tasks USING (ti_id)
UNION ALL BY NAME
SELECT claim, at_ms, source, lower(state) AS claimed, dag_id, run_id, task_id,
  coalesce(try_cast(map_index AS INTEGER), -1) AS map_index, at_ms - 10000 AS from_ms
FROM lines JOIN names USING (claim);

-- What became of each: the state that it claims, if the task got there; else what came next.
CREATE TEMP TABLE outcomes AS
SELECT claims.*, became.seq, became.state AS became, became.committed_ms, became.writer, became.change,
  -- The stream may end before what was logged last, and what was logged first may have come before the record.
  claims.at_ms <= stream.ended_ms - stream_tail_ms() AS is_in_stream, claims.from_ms < 0 AS may_be_before
FROM claims CROSS JOIN (SELECT max(committed_ms) AS ended_ms FROM commits) AS stream LEFT JOIN (
  SELECT claim, changes.seq, changes.state, changes.committed_ms, changes.writer, changes.change
  FROM claims JOIN task_instance_changes AS changes USING (dag_id, run_id, task_id)
  WHERE coalesce(changes.map_index, -1) = coalesce(claims.map_index, -1)
    AND coalesce(claims.ti_id = changes.old_ti_id, true)
    AND committed_ms >= from_ms - clock_tolerance_ms()
    AND (changes.state IS DISTINCT FROM old_state OR changes.change = 'delete')
    -- The API server sets only running tasks to failed. A scheduler may be late, but not with what the next try does.
    AND CASE WHEN claims.ti_id IS NOT NULL THEN old_state = 'running'
      ELSE changes.state = claimed OR committed_ms >= at_ms END
  QUALIFY row_number() OVER (PARTITION BY claim ORDER BY
    claims.ti_id IS NULL AND (changes.state <> claimed OR committed_ms > at_ms + 60000), changes.seq) = 1
) AS became USING (claim);

-- exercised
SELECT count(*) FROM outcomes
WHERE became IS NOT DISTINCT FROM claimed OR (NOT may_be_before AND (seq IS NOT NULL OR is_in_stream));

-- violations
SELECT * REPLACE (coalesce(map_index, -1) AS map_index), 1 AS severity,
  CASE WHEN change = 'delete' THEN 'deleted' ELSE coalesce(became, 'not ended') END AS variant,
  CASE WHEN change = 'delete' THEN format('{} deleted it', coalesce(writer, 'an unknown writer'))
    WHEN seq IS NULL THEN 'it stayed as it was'
    ELSE format('{} set it to {} {} later', coalesce(writer, 'an unknown writer'), state_name(became),
      seconds(greatest(committed_ms - at_ms, 0))) END AS what
FROM outcomes
WHERE became IS DISTINCT FROM claimed AND NOT may_be_before AND (seq IS NOT NULL OR is_in_stream)
  -- A transaction that a fault cut or failed is rolled back, whatever was logged before.
  AND NOT EXISTS (
    FROM cut_windows WHERE (process IS NULL OR process = source) AND opened_ms <= at_ms AND until_ms >= from_ms)
  AND NOT EXISTS (
    FROM answered_statements AS answered
    WHERE answered.process = 'wt-' || source AND answered.at_ms BETWEEN from_ms AND outcomes.at_ms);
