-- claim: A trigger exists only while a deferred task waits for it: it is deleted when it has fired, or when the task
--   was cleared, marked or skipped.
-- title: A trigger outlived the task that waited for it
-- source: `Trigger.clean_unused`, which each triggerer runs in every loop
-- needs: commits, final_task_instance
-- exercised-by: deferrals that ended long enough before the end of the record
-- min-exercised: 5
-- cut-off: a deferral that ended in the last seconds of the record does not count
-- because: one statement deletes all unused triggers
-- sentence: Trigger {id} was still there {severity:seconds} after it was created, and {owner}.

-- given
CREATE TEMP TABLE ended AS
SELECT changes.* FROM task_instance_changes AS changes CROSS JOIN (SELECT max(committed_ms) AS last_ms FROM commits)
WHERE old_state = 'deferred' AND state IS DISTINCT FROM 'deferred' AND committed_ms <= last_ms - triggerer_bound_ms();

CREATE TEMP TABLE left_behind AS
SELECT
  final_trigger.id, tis.dag_id, tis.run_id, tis.task_id, tis.map_index, tis.state, created_ms, last_ms
FROM (
  SELECT *, (epoch_ms(created_date::TIMESTAMPTZ)
    - epoch_ms((SELECT (json ->> 'started_at')::TIMESTAMPTZ FROM manifest)))::DOUBLE AS created_ms
  FROM final_trigger
) AS final_trigger
CROSS JOIN (SELECT max(committed_ms) AS last_ms FROM commits)
LEFT JOIN final_task_instance AS tis ON tis.trigger_id = final_trigger.id
-- The only trigger that the fleet uses: assets of other users have triggers without a task.
WHERE final_trigger.classpath LIKE '%FileTrigger' AND created_ms BETWEEN 0 AND last_ms - triggerer_bound_ms()
  AND tis.state IS DISTINCT FROM 'deferred' AND NOT excused_delay(last_ms - triggerer_bound_ms(), last_ms)
  -- That a triggerer died by itself is a violation of processes-stay-alive.
  AND NOT EXISTS (FROM server_log WHERE severity = 'FATAL' AND source LIKE 'triggerer%' AND at_ms >= last_ms - 60000);

-- exercised
-- A harness that did not keep the triggers did not keep the results either.
SELECT count(*) FROM ended WHERE EXISTS (FROM recorded WHERE name = 'final_xcom' AND source IS NOT NULL);

-- violations
SELECT *, created_ms AS at_ms, last_ms - created_ms AS severity,
  coalesce(nullif(subject_of(dag_id, run_id, task_id, map_index), ''), 'trigger ' || id) AS subject,
  CASE WHEN task_id IS NULL THEN 'without a task' ELSE 'of a task that is ' || coalesce(state, 'none') END AS variant,
  CASE WHEN task_id IS NULL THEN 'no task instance waited for it'
    ELSE format('{}, which asked for it, was {}', subject_of(dag_id, run_id, task_id, map_index), state_name(state))
  END AS owner
FROM left_behind;
