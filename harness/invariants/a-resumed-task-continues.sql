-- claim: A task that continues after a deferral or a reschedule is not failed because the worker of its part before
--   that has ended.
-- title: A resumed task was failed for the end of the worker that had deferred it
-- known-issues: #66374, #67287, #72716
-- source: issues #66374, #67287, #71580, #72716 and #71172; `process_executor_events` takes "the executor says that it
--   ended, the database says that it is active" for a failure, and both parts have the same key
-- needs: commits, writers, lives
-- exercised-by: tasks that were scheduled again after a deferral or a reschedule
-- min-exercised: 10
-- cut-off: each change is judged as it is committed; what never comes is for work-goes-on
-- because: an executor that is late is so for many tasks
-- sentence: {writer} set {subject} (try {try_number}) from {was} to {became} {severity:seconds} after it had been
--   resumed, while nothing had gone wrong with it; {last}.

-- given
CREATE TEMP TABLE resumed AS
SELECT seq AS resumed_seq, committed_ms AS resumed_ms, dag_id, run_id, task_id, map_index, ti_id AS resumed_ti_id,
  try_number AS resumed_try, old_state AS waited
FROM task_instance_changes WHERE old_state IN ('deferred', 'up_for_reschedule') AND state = 'scheduled';

-- exercised
SELECT count(*) FROM resumed;

-- violations
WITH failed AS (
  SELECT changes.* EXCLUDE (try_number), resumed.* EXCLUDE (dag_id, run_id, task_id, map_index),
    resumed_try AS try_number
  FROM (
    SELECT *, seq AS resumed_seq FROM task_instance_changes
    WHERE writer_role = 'scheduler' AND old_state IN ('scheduled', 'queued', 'running')
      AND state IN ('failed', 'up_for_retry')
  ) AS changes
  ASOF JOIN resumed USING (dag_id, run_id, task_id, map_index, resumed_seq)
  WHERE old_try_number = resumed_try
), parts AS (
  -- The lives of this try: those that ended before it was resumed, and what became of the part that was failed.
  SELECT failed.seq, max(ended_ms) FILTER (ended_ms <= resumed_ms + clock_tolerance_ms()) AS left_ms,
    arg_max(worker, ended_ms) FILTER (ended_ms <= resumed_ms + clock_tolerance_ms()) AS left_worker,
    bool_or(handed_ms > resumed_ms - clock_tolerance_ms() AND "end" <> 'reported'
      AND ended_ms < committed_ms - CASE WHEN "end" = 'stopped' THEN clock_tolerance_ms() ELSE 0 END) AS went_wrong
  FROM failed JOIN lives ON lives.ti_id = resumed_ti_id
  GROUP BY failed.seq
)
SELECT failed.*, committed_ms - resumed_ms AS severity, [resumed_seq, seq] AS commits,
  old_state || CASE waited WHEN 'deferred' THEN '' ELSE ', rescheduled' END AS variant,
  state_name(old_state) AS was, state_name(state) AS became,
  coalesce(format('worker {}, which had {} it, had ended {} before that', left_worker,
    CASE waited WHEN 'deferred' THEN 'deferred' ELSE 'rescheduled' END, seconds(committed_ms - left_ms)),
    'which worker had run it before is not known') AS last
FROM failed LEFT JOIN parts USING (seq) CROSS JOIN plan
WHERE NOT coalesce(went_wrong, false)
  AND NOT (old_state = 'running'
    AND explained_by(seq, ['report', 'operator', 'deadline', 'worker dead', 'harness cut']))
  -- Given up after it was taken back as stuck, again and again.
  AND NOT (old_state = 'queued' AND committed_ms - old_since_ms >= queued_timeout_ms);
