-- claim: Two lives of one task instance never overlap, unless an operator or a fault caused it.
-- title: Two workers ran the same task at the same time
-- source: a task instance is run by one worker at a time; try_number counts attempts one after another
-- needs: lives
-- exercised-by: task instances that were run more than once
-- min-exercised: 3
-- cut-off: two lives are judged when the second one starts, whenever they end
-- because: retries are common where any are planned, and fewer than 3 show nothing
-- sentence: {subject} was started on worker {other_worker} (try {other_try}) while worker {one_worker} (try {one_try})
--   was still running it, for {severity:seconds} more.

-- given
CREATE TEMP TABLE attempts AS
SELECT lives.*, coalesce(reports.reported_ms, lives.ended_ms) AS over_ms
FROM lives LEFT JOIN (
  -- A life ends with its report: the answer may come after its successor was started. One that is ordered to stop has
  -- lost its task, whatever it does until its process is killed.
  SELECT life, min(CASE kind WHEN 'state' THEN sent_ms ELSE ended_ms END) AS reported_ms
  FROM operations
  WHERE (kind = 'state' AND outcome <> 'refused') OR (kind = 'heartbeat' AND status IN (404, 409, 410))
  GROUP BY life
) AS reports USING (life)
WHERE started_ms IS NOT NULL;

-- exercised
SELECT count(*)
FROM (SELECT 1 FROM attempts GROUP BY dag_id, run_id, task_id, map_index HAVING count(*) > 1);

-- violations
WITH overlapping AS (
  SELECT
    one.dag_id, one.run_id, one.task_id, one.map_index, one.life AS one_life, other.life AS other_life,
    one.worker AS one_worker, other.worker AS other_worker, one.try_number AS one_try, other.try_number AS other_try,
    one.started_ms AS one_ms, other.started_ms AS other_ms, one.over_ms
  FROM attempts AS one JOIN attempts AS other USING (dag_id, run_id, task_id, map_index)
  WHERE (one.started_ms, one.life) < (other.started_ms, other.life) AND other.started_ms < one.over_ms
    -- One that died without a report has no end of its own: the scheduler was right to start another.
    AND one.end NOT IN ('silent', 'gave-up', 'raised')
), excused AS (
  SELECT one_life, other_life FROM overlapping JOIN task_instance_changes USING (dag_id, run_id, task_id, map_index)
  WHERE writer_role = 'api-core'
    AND committed_ms BETWEEN one_ms - clock_tolerance_ms() AND other_ms + clock_tolerance_ms()
  UNION
  SELECT one_life, other_life FROM overlapping JOIN operator_actions USING (dag_id, run_id)
  WHERE sent_ms <= other_ms AND (ended_ms IS NULL OR outcome = 'unknown' OR ended_ms >= one_ms)
  UNION
  -- Faults of processes and of the database, and the time in which the tasks of a lost scheduler are adopted; faults of
  -- clients and users are no reason to run a task twice.
  SELECT one_life, other_life FROM overlapping JOIN fault_windows
    ON fault_windows.opened_ms <= overlapping.other_ms AND fault_windows.excused_ms >= overlapping.one_ms
    AND fault_windows.victim NOT IN ('fleet', 'operators', 'executor')
  UNION
  -- The first had sent nothing for as long as the heartbeat time-out.
  SELECT one_life, other_life
  FROM overlapping ASOF JOIN (
    SELECT life, sent_ms FROM operations SEMI JOIN overlapping ON overlapping.one_life = operations.life
    WHERE kind IN ('run', 'heartbeat') AND outcome = 'ok'
  ) AS sign ON sign.life = overlapping.one_life AND overlapping.other_ms >= sign.sent_ms
  CROSS JOIN plan
  WHERE other_ms - sign.sent_ms >= heartbeat_timeout_ms - clock_tolerance_ms()
  UNION
  SELECT one_life, other_life
  FROM overlapping JOIN lives ON lives.life = one_life JOIN given_up USING (ti_id) CROSS JOIN plan
  WHERE committed_ms BETWEEN one_ms AND other_ms + clock_tolerance_ms()
    AND coalesce(silent_ms, committed_ms - one_ms) >= heartbeat_timeout_ms - clock_tolerance_ms()
  UNION
  -- Another life's report, sent again because its answer was lost, had taken the task from the first.
  SELECT one_life, other_life
  FROM overlapping JOIN lives ON lives.life = one_life JOIN displacements USING (ti_id)
  WHERE displacements.life <> one_life
    AND committed_ms BETWEEN one_ms - clock_tolerance_ms() AND other_ms + clock_tolerance_ms()
), starts AS (
  SELECT life, list(op) AS ops FROM operations SEMI JOIN (
    SELECT one_life AS life FROM overlapping UNION ALL SELECT other_life FROM overlapping
  ) AS named USING (life)
  WHERE kind = 'run' AND outcome = 'ok' GROUP BY life
)
SELECT *, other_ms AS at_ms, CASE WHEN one_try = other_try THEN 'the same try' ELSE 'another try' END AS variant,
  over_ms - other_ms AS severity, list_sort(one_starts.ops || other_starts.ops) AS operations
FROM overlapping ANTI JOIN excused USING (one_life, other_life)
LEFT JOIN starts AS one_starts ON one_starts.life = one_life
LEFT JOIN starts AS other_starts ON other_starts.life = other_life;
