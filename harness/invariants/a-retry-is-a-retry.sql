-- claim: A task that failed is tried again if tries are left, and only then; not before its retry delay is over, and
--   under the next try number.
-- title: A failed task was not retried as its retries allow
-- source: documentation on `retries` and `retry_delay`; `is_eligible_to_retry`, `should_retry` of `/run`,
--   `NotInRetryPeriodDep`, and `schedule_tis`, which alone counts tries
-- needs: commits, writers
-- exercised-by: task instances that were set to UP_FOR_RETRY, or to FAILED, by workers or schedulers
-- min-exercised: 10
-- cut-off: each change is judged as it is committed; what never comes is for every-dag-progresses
-- because: six code paths set these states, and ten ends exercise the two that nearly all tasks take
-- sentence: {writer} set try {try_number} of {subject} from {old_state:state} to {state:state}, although it may be
--   tried {tries} times.[ Its worker had reported {requested:state}, and the server met an error in the database.]
-- sentence[its trigger refused]: {writer} set try {try_number} of {subject} from {old_state:state} to {state:state},
--   although it may be tried {tries} times: the run that it triggers was refused to its worker.
-- sentence[too early]: Try {old_try_number} of {subject} failed; {writer} scheduled the next one {after_ms:seconds}
--   later, and its retry delay is 1 s.
-- sentence[miscounted]: {writer} changed {subject} from {old_state:state|NONE} to {state:state|NONE} and its try number
--   from {old_try_number} to {try_number}: {rule}.

-- given
CREATE TEMP TABLE ended AS
SELECT changes.*, CASE WHEN row_a_try() THEN old_try_number ELSE try_number END AS ended_try,
  try_cast(written."row" ->> '$.max_tries' AS INTEGER) AS max_tries, taken.op AS taken_as_failure,
  requested
FROM task_instance_changes AS changes JOIN (SELECT seq, "row" FROM commits) AS written USING (seq)
LEFT JOIN (
  SELECT ti_id, min(op) AS op, arg_min(requested, op) AS requested FROM taken_as_failure GROUP BY ti_id
) AS taken
  -- Joined on equality alone: other conditions would compare each row with all others.
  ON taken.ti_id = CASE WHEN state = 'failed' AND writer_role = 'api-execution' THEN changes.old_ti_id END
WHERE change = 'update' AND old_seen AND writer_role IN ('api-execution', 'scheduler')
  AND old_state IN ('queued', 'running') AND state IN ('failed', 'up_for_retry');

-- A worker that is refused the run that it triggers fails its task for good.
CREATE TEMP TABLE refused_triggers AS
SELECT ti_id AS old_ti_id, min(op) AS refused_trigger
FROM operations WHERE kind = 'trigger_run' AND status = 409 GROUP BY ALL;

-- When the worker reported the end of its try: the delay counts from there.
CREATE TEMP TABLE reports AS
SELECT ti_id, min(sent_ms) AS sent_ms, min(op) AS op
FROM operations WHERE kind = 'state' AND requested = 'up_for_retry' GROUP BY ti_id;

CREATE TEMP TABLE retried AS
WITH steps AS (
  SELECT *, max(seq) FILTER (state = 'up_for_retry') OVER (
    PARTITION BY dag_id, run_id, task_id, map_index ORDER BY seq) AS retry_seq
  FROM task_instance_changes
  WHERE (state = 'up_for_retry' AND old_state IS DISTINCT FROM 'up_for_retry')
    OR (old_state = 'up_for_retry' AND state = 'scheduled')
)
SELECT steps.* REPLACE (failed.old_try_number AS old_try_number), reports.op, reports.sent_ms AS failed_ms,
  -- The scheduler counts by its own clock from the date that the worker sent. On a target its clock is not read; that
  -- of the database beside it shows how far it may be off.
  (SELECT coalesce(max(abs(offset_ms)), 0) FROM clock_stretches WHERE source = 'postgres') AS clock_off_ms
FROM steps
JOIN steps AS failed ON failed.seq = steps.retry_seq
JOIN reports ON reports.ti_id = failed.old_ti_id
WHERE steps.state = 'scheduled' AND failed.old_state = 'running' AND failed.writer_role = 'api-execution';

-- exercised
SELECT count(*) FROM ended;

-- violations
WITH counted AS (
  SELECT *, CASE
      -- The next try is counted when it gets its row, and the first one when it is scheduled.
      WHEN row_a_try() THEN ti_id <> old_ti_id OR (old_try_number = 0 AND state = 'scheduled' AND old_state IS NULL)
      ELSE state IS DISTINCT FROM old_state AND coalesce(old_state, 'up_for_retry') = 'up_for_retry'
        AND state = 'scheduled' END::INTEGER AS counts
  FROM task_instance_changes
  WHERE change = 'update' AND old_seen AND writer IS NOT NULL
)
SELECT * REPLACE (ended_try AS try_number), max_tries + 1 AS tries, coalesce(taken_as_failure, refused_trigger) AS op,
  abs(tries - ended_try) AS severity,
  CASE
    WHEN taken_as_failure IS NOT NULL THEN 'taken as a failure'
    WHEN refused_trigger IS NOT NULL AND state = 'failed' THEN 'its trigger refused'
    WHEN state = 'failed' THEN 'not tried again'
    ELSE 'tried too often'
  END AS variant
FROM ended LEFT JOIN refused_triggers USING (old_ti_id)
WHERE max_tries >= 0 AND ended_try >= 1
  AND CASE state
    WHEN 'up_for_retry' THEN ended_try > max_tries
    -- A clear adds tries to a task without retries; these are for further clears, not for a retry.
    ELSE ended_try <= max_tries AND old_state = 'running' AND (dag_id, task_id) IN (
      SELECT (dag_id, task.task_id) FROM (SELECT dag_id, unnest(tasks) AS task FROM plan_dags)
      WHERE coalesce(task.retries, 0) > 0)
  END
UNION ALL BY NAME
SELECT * EXCLUDE (clock_off_ms), 'too early' AS variant, committed_ms - failed_ms AS after_ms,
  retry_delay_ms() - after_ms AS severity, [retry_seq, seq] AS commits
FROM retried
WHERE committed_ms < failed_ms + retry_delay_ms() - clock_tolerance_ms() - clock_off_ms
  -- A worker with a wrong clock, or with a late report, dates its end back.
  AND NOT EXISTS (
    FROM fault_windows
    WHERE victim = 'fleet' AND opened_ms <= retried.committed_ms AND until_ms >= failed_ms - 30000)
UNION ALL BY NAME
SELECT *, 'miscounted' AS variant, abs(try_number - old_try_number) AS severity,
  CASE WHEN state = 'scheduled' AND coalesce(old_state, 'up_for_retry') = 'up_for_retry'
    THEN 'scheduling a new try counts one' ELSE 'only scheduling a new try counts one' END AS rule
FROM counted WHERE try_number - old_try_number <> counts;
