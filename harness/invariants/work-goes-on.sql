-- claim: No work waits forever once faults are over: queued tasks are handed to workers, deferred tasks are resumed,
--   tasks that were cleared while they ran are tried again, and each live scheduler hands over its share.
-- title: Queued, deferred or cleared work made no progress
-- source: documentation on the scheduler: several share the work, and one takes over what another leaves
-- needs: commits, lives
-- exercised-by: task instances that were queued, deferred or restarting during the load, with no open or recent fault
-- min-exercised: 50
-- cut-off: a task that was still waiting in time when the load ended does not count
-- because: a code path that loses work is taken by tens of these tasks
-- sentence: {subject} was set to {state:state} by {writer}, and {stayed_ms:seconds} later {stayed}[{at_end:if}, when
--   the load ended].
-- sentence[idle scheduler]: {subject} handed nothing to the workers in the last {severity:seconds} of the load, in
--   which the others handed over {total:count} tasks; its last was at {last_ms:seconds}.

-- given
-- How long each may last, at most:
-- * queued, and not handed over: the scheduler that queued it sends it in the same loop.
-- * deferred: the fleet's triggers fire at once.
-- * restarting: until the heartbeat time-out of its worker, which may have died; then as for any silent death.
CREATE TEMP TABLE stays AS
WITH moves AS (
  SELECT *
  FROM (
    SELECT seq, committed_ms, change, dag_id, run_id, task_id, map_index, ti_id, state, writer,
      lead(committed_ms) OVER (PARTITION BY dag_id, run_id, task_id, map_index ORDER BY seq) AS left_ms
    FROM task_instance_changes
    WHERE (change <> 'update' OR state IS DISTINCT FROM old_state OR ti_id <> old_ti_id)
      -- A stay and what ended it: no more is sorted.
      AND (state IN ('queued', 'deferred', 'restarting') OR old_state IN ('queued', 'deferred', 'restarting'))
  ) CROSS JOIN load
  WHERE state IN ('queued', 'deferred', 'restarting') AND change <> 'delete' AND committed_ms < load_ended_ms
), handed AS (
  SELECT queued.seq, lives.handed_ms
  FROM (SELECT seq, ti_id, committed_ms - clock_tolerance_ms() AS from_ms FROM moves WHERE state = 'queued') AS queued
  ASOF JOIN lives ON lives.ti_id = queued.ti_id AND queued.from_ms <= lives.handed_ms
), ended AS (
  SELECT moves.*, least(coalesce(left_ms, 'infinity'), coalesce(handed_ms, 'infinity'), load_ended_ms) AS until_ms
  FROM moves LEFT JOIN handed USING (seq)
)
SELECT ended.*,
  CASE state WHEN 'queued' THEN scheduler_bound_ms() WHEN 'deferred' THEN triggerer_bound_ms()
    ELSE heartbeat_timeout_ms + scheduler_bound_ms() END AS most_ms,
  -- The time of work that a fault interrupted counts from the recovery.
  greatest(committed_ms, coalesce(excused_ms, 0)) AS since_ms
FROM ended CROSS JOIN plan
ASOF LEFT JOIN (
  SELECT opened_ms, max(excused_ms) OVER (ORDER BY opened_ms) AS excused_ms FROM fault_windows
) AS faults ON ended.until_ms >= faults.opened_ms;

-- The last part of the load that no fault excuses.
CREATE TEMP TABLE calm AS
SELECT greatest(load_started_ms, coalesce((SELECT max(excused_ms) FROM fault_windows), 0)) AS from_ms,
  load_ended_ms AS to_ms
FROM load;

-- exercised
SELECT count(*) FROM stays
WHERE since_ms < load_ended_ms AND (until_ms < load_ended_ms OR since_ms + most_ms <= until_ms);

-- violations
WITH hand_overs AS (
  SELECT scheduler, count(*) FILTER (handed_ms BETWEEN from_ms AND to_ms) AS n, max(handed_ms) AS last_ms
  FROM lives CROSS JOIN calm GROUP BY scheduler
), shares AS (
  SELECT *, sum(n) OVER () AS total FROM hand_overs
)
SELECT *, since_ms + most_ms AS at_ms, subject_of(dag_id, run_id, task_id, map_index) AS subject, state AS variant,
  until_ms - since_ms AS severity, until_ms - committed_ms AS stayed_ms,
  CASE state WHEN 'queued' THEN 'it had not been handed to a worker' WHEN 'deferred' THEN 'it was not resumed'
    ELSE 'it was no further' END AS stayed,
  CASE WHEN until_ms = load_ended_ms THEN true END AS at_end
FROM stays
WHERE until_ms - since_ms > most_ms
  AND NOT EXISTS (FROM standstills WHERE standstills.until_ms >= since_ms AND from_ms <= stays.until_ms)
UNION ALL BY NAME
-- Half a minute and a hundred hand-overs: schedulers compete for the critical section, and none of them loses every
-- time in so many loops.
SELECT total, last_ms, to_ms AS at_ms, scheduler AS subject, 'idle scheduler' AS variant, to_ms - from_ms AS severity
FROM shares CROSS JOIN calm
WHERE n = 0 AND total >= 100 AND to_ms - from_ms >= 30000
  AND NOT EXISTS (FROM standstills WHERE standstills.until_ms >= calm.from_ms AND standstills.from_ms <= calm.to_ms);
