-- claim: No more task instances of a DAG run are QUEUED or RUNNING at once than the DAG's max_active_tasks allows.
-- title: More tasks of a run were queued than max_active_tasks allows
-- source: documentation on `max_active_tasks`, which counts for each run since 2.10 or so;
--   `_executable_task_instances_to_queued`
-- needs: commits
-- exercised-by: task instances that were queued up to the limit
-- min-exercised: 10
-- cut-off: each queueing is judged as it is committed
-- because: a scheduler that counts wrongly exceeds the limit as soon as it is reached
-- sentence: {writer} queued {steps} more, so that {held_after} task instances of the run {run_id} of {dag_id} were
--   QUEUED or RUNNING at once, where max_active_tasks is {most}.

-- given
CREATE TEMP TABLE taken AS FROM occupancy('tasks of a run');

-- exercised
FROM taken SELECT coalesce(sum(taking), 0) WHERE is_last AND steps > 0 AND held_after >= most;

-- violations
FROM taken
SELECT *, held_after - most AS severity
WHERE is_last AND steps > 0 AND held_after > most;
