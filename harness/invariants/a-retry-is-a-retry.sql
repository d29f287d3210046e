-- claim: A task that failed is tried again if tries are left, and only then; not before its retry delay is over, and
--   under the next try number.
-- title: A failed task was not tried again as its retries say
-- source: documentation on `retries` and `retry_delay`; `is_eligible_to_retry`, `should_retry` of `/run`,
--   `NotInRetryPeriodDep`, and `schedule_tis`, which alone counts tries
-- needs: commits, writers
-- exercised-by: task instances that were set to UP_FOR_RETRY, or to FAILED, by workers or schedulers
-- min-exercised: 10
-- because: half a dozen paths lead there, and ten ends show the two that nearly all take

-- given
CREATE TEMP TABLE ended AS
SELECT changes.*, taken.op AS taken_as_failure, requested
FROM task_instance_changes AS changes LEFT JOIN (
  SELECT ti_id, min(op) AS op, arg_min(requested, op) AS requested FROM taken_as_failure GROUP BY ti_id
) AS taken
  -- An equation alone: under anything else each would be compared with all.
  ON taken.ti_id = CASE WHEN state = 'failed' AND writer_role = 'api-execution' THEN changes.old_ti_id END
WHERE change = 'update' AND old_seen AND writer_role IN ('api-execution', 'scheduler')
  AND old_state IN ('queued', 'running') AND state IN ('failed', 'up_for_retry');

-- The worker's word for the end of its try: the delay counts from there.
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
SELECT steps.*, reports.op, reports.sent_ms AS failed_ms
FROM steps
JOIN steps AS failed ON failed.seq = steps.retry_seq
JOIN reports ON reports.ti_id = failed.old_ti_id
WHERE steps.state = 'scheduled' AND failed.old_state = 'running' AND failed.writer_role = 'api-execution';

-- exercised
SELECT count(*) FROM ended;

-- violations
SELECT
  committed_ms AS at_ms,
  subject_of(dag_id, run_id, task_id, map_index) AS subject,
  CASE
    WHEN taken_as_failure IS NOT NULL THEN 'taken as a failure'
    WHEN state = 'failed' THEN 'not tried again'
    ELSE 'tried too often'
  END AS variant,
  abs(max_tries + 1 - try_number) AS severity,
  format('{} set try {:d} of {} from {} to {}, although it may be tried {:d} times.', writer, try_number,
    subject_of(dag_id, run_id, task_id, map_index), state_name(old_state), state_name(state), max_tries + 1)
    || CASE WHEN taken_as_failure IS NOT NULL
      THEN format(' Its worker had reported {}, and the server met an error in the database.', state_name(requested))
      ELSE '' END AS sentence,
  list_filter([taken_as_failure], op -> op IS NOT NULL) AS operations,
  [seq] AS commits
FROM ended
WHERE max_tries >= 0 AND try_number >= 1
  AND CASE state
    WHEN 'up_for_retry' THEN try_number > max_tries
    -- Tries that a clear has added to a task without retries are for the operator's next clear, not for a retry.
    ELSE try_number <= max_tries AND old_state = 'running' AND (dag_id, task_id) IN (
      SELECT (dag_id, task.task_id) FROM (SELECT dag_id, unnest(tasks) AS task FROM plan_dags)
      WHERE coalesce(task.retries, 0) > 0)
  END
UNION ALL
SELECT
  committed_ms, subject_of(dag_id, run_id, task_id, map_index), 'too early', failed_ms + retry_delay_ms() - committed_ms,
  format('Try {:d} of {} failed; {} scheduled the next one {} later, and its retry delay is 1 s.', old_try_number,
    subject_of(dag_id, run_id, task_id, map_index), writer, seconds(committed_ms - failed_ms)),
  [op], [retry_seq, seq]
FROM retried
WHERE committed_ms < failed_ms + retry_delay_ms() - clock_tolerance_ms()
  -- A worker whose clock is wrong, or whose report comes late, dates its end back.
  AND NOT EXISTS (
    FROM fault_windows
    WHERE victim = 'fleet' AND opened_ms <= retried.committed_ms AND until_ms >= failed_ms - 30000)
UNION ALL
SELECT
  committed_ms, subject_of(dag_id, run_id, task_id, map_index), 'miscounted', abs(try_number - old_try_number),
  format('{} changed {} from {} to {} and its try number from {:d} to {:d}', writer,
    subject_of(dag_id, run_id, task_id, map_index), state_name(old_state), state_name(state), old_try_number,
    try_number)
    || CASE WHEN state = 'scheduled' AND coalesce(old_state, 'up_for_retry') = 'up_for_retry'
      THEN ': scheduling a new try counts one.' ELSE ': only scheduling a new try counts one.' END,
  []::BIGINT[], [seq]
FROM task_instance_changes
WHERE change = 'update' AND old_seen AND writer IS NOT NULL
  AND try_number - old_try_number <> (state IS DISTINCT FROM old_state
    AND coalesce(old_state, 'up_for_retry') = 'up_for_retry' AND state = 'scheduled')::INTEGER;
