-- claim: While a worker runs a task, no other worker can send its heartbeat or start it again.
-- title: A worker that does not own a task was let in
-- source: the Execution API compares host name and pid, and answers 409 (running_elsewhere, invalid_state) to others
-- needs: commits, operations
-- exercised-by: requests of impostors that were answered while the owner ran the task
-- min-exercised: 10
-- because: what is compared wrongly is so each time

-- given
CREATE TEMP TABLE visits AS
WITH left_running AS (
  SELECT old_ti_id AS ti_id, min(committed_ms) AS committed_ms
  FROM task_instance_changes
  WHERE old_state = 'running' AND (state IS DISTINCT FROM 'running' OR ti_id <> old_ti_id OR change = 'delete')
  GROUP BY old_ti_id
)
SELECT operations.*, owner.worker AS owner
FROM operations
JOIN (
  SELECT life, any_value(worker) AS worker FROM operations WHERE kind = 'run' AND outcome = 'ok' GROUP BY life
) AS owner USING (life)
LEFT JOIN left_running USING (ti_id)
WHERE operations.kind IN ('impostor_heartbeat', 'impostor_run') AND operations.status IS NOT NULL
  -- Once the owner runs it no more, it may be anybody's.
  AND coalesce(left_running.committed_ms > operations.ended_ms + clock_tolerance_ms(), true);

-- exercised
SELECT count(*) FROM visits;

-- violations
WITH told AS (
  SELECT life, min(ended_ms) AS ended_ms, arg_min(op, ended_ms) AS op, arg_min(kind, ended_ms) AS kind,
    arg_min(status, ended_ms) AS status
  FROM operations WHERE kind IN ('heartbeat', 'state') AND outcome = 'refused' GROUP BY life
)
SELECT
  visits.ended_ms AS at_ms,
  subject_of(dag_id, run_id, task_id, map_index) AS subject,
  CASE visits.kind WHEN 'impostor_run' THEN 'start' ELSE 'heartbeat' END AS variant,
  coalesce(told.ended_ms - visits.ended_ms, 0) AS severity,
  format('While worker {} ran {}, another worker ({}) ', owner, subject_of(dag_id, run_id, task_id, map_index), worker)
    || CASE visits.kind WHEN 'impostor_run' THEN 'started it' ELSE 'sent a heartbeat for it' END
    || format(' and the server accepted that with {}', visits.status)
    || CASE
      WHEN told.op IS NULL THEN '.'
      ELSE format('; {} later the {} of the first was refused with {}, and its work was lost.',
        seconds(told.ended_ms - visits.ended_ms), told.kind, told.status)
    END AS sentence,
  list_filter([visits.op, told.op], op -> op IS NOT NULL) AS operations,
  []::BIGINT[] AS commits
FROM visits LEFT JOIN told ON told.life = visits.life AND told.ended_ms >= visits.ended_ms
WHERE visits.outcome = 'ok';
