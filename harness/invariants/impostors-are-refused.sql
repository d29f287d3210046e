-- claim: While a worker runs a task, no other worker can send its heartbeat or start it again.
-- title: The server accepted a request of a worker that does not own the task
-- source: the Execution API compares host name and pid, and answers 409 (running_elsewhere, invalid_state) to others
-- needs: commits, operations
-- exercised-by: requests of impostors that were answered while the owner ran the task
-- min-exercised: 10
-- cut-off: a request without an answer does not count
-- because: a wrong comparison of the owner is wrong each time
-- sentence: While worker {owner} ran {subject}, another worker ({worker}) {did} it and the server accepted that with
--   {status}[; {after_ms:seconds} later the {refused_kind} of the first was refused with {refused_status}, and its work
--   was lost].

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
  -- Once the owner no longer runs it, another worker may.
  AND coalesce(left_running.committed_ms > operations.ended_ms + clock_tolerance_ms(), true);

-- exercised
SELECT count(*) FROM visits;

-- violations
WITH first_refusals AS (
  SELECT life, min(ended_ms) AS refused_ms, arg_min(op, ended_ms) AS refused_op,
    arg_min(kind, ended_ms) AS refused_kind, arg_min(status, ended_ms) AS refused_status
  FROM operations WHERE kind IN ('heartbeat', 'state') AND outcome = 'refused' GROUP BY life
)
SELECT *, refused_ms - ended_ms AS after_ms, coalesce(after_ms, 0) AS severity, [op, refused_op] AS operations,
  CASE kind WHEN 'impostor_run' THEN 'start' ELSE 'heartbeat' END AS variant,
  CASE kind WHEN 'impostor_run' THEN 'started' ELSE 'sent a heartbeat for' END AS did
FROM visits LEFT JOIN first_refusals ON first_refusals.life = visits.life AND refused_ms >= ended_ms
WHERE outcome = 'ok';
