-- claim: After a worker's start was accepted, its heartbeats are accepted until its own end report or an operator's
--   action.
-- title: The server stopped a worker that was running its task
-- source: the worker's supervisor ends the task at 404, 409 or 410, and its work is lost
-- needs: operations, lives
-- exercised-by: lives that sent heartbeats
-- min-exercised: 20
-- cut-off: a life of which no heartbeat was answered does not count
-- because: a run in which fewer lives lasted long enough to send one had hardly any load
-- sentence: Worker {worker} had been running {subject} for {ran_ms:seconds} when its heartbeat was refused with
--   {status}[ {reason}][ (found {found_state:state})]; {explanation}.

-- given
CREATE TEMP TABLE refused AS
WITH started AS (
  SELECT life, min(sent_ms) AS started_ms FROM operations WHERE kind = 'run' AND outcome = 'ok' GROUP BY life
), reported AS (
  SELECT life, min(sent_ms) AS reported_ms FROM operations WHERE kind = 'state' GROUP BY life
)
SELECT heartbeat.*, started.started_ms
FROM (
  SELECT * FROM operations WHERE kind = 'heartbeat' AND status IN (404, 409, 410)
  -- The first one: by then the worker has lost its task.
  QUALIFY row_number() OVER (PARTITION BY life ORDER BY sent_ms) = 1
) AS heartbeat
JOIN started USING (life) LEFT JOIN reported USING (life)
-- An end report that was sent before the refusal came may have been what ended it.
WHERE coalesce(heartbeat.ended_ms < reported_ms, true);

-- exercised
SELECT count(DISTINCT life) FROM operations WHERE kind = 'heartbeat' AND status IS NOT NULL;

-- violations
WITH by_operator AS (
  SELECT refused.op FROM refused JOIN task_instance_changes AS changes ON changes.old_ti_id = refused.ti_id
  WHERE writer_role = 'api-core'
    AND committed_ms BETWEEN refused.started_ms - clock_tolerance_ms() AND refused.ended_ms + clock_tolerance_ms()
  UNION
  SELECT refused.op FROM refused JOIN operator_actions AS action USING (dag_id, run_id)
  WHERE action.sent_ms <= refused.ended_ms
    AND (action.outcome = 'unknown' OR action.ended_ms IS NULL OR action.ended_ms >= refused.started_ms)
    AND (action.task_id IS NULL OR action.task_id = refused.task_id)
), after_silence AS (
  SELECT refused.op
  FROM refused ASOF JOIN (
    SELECT life, sent_ms FROM operations SEMI JOIN refused USING (life)
    WHERE kind IN ('run', 'heartbeat') AND outcome = 'ok'
  ) AS sign ON sign.life = refused.life AND refused.sent_ms >= sign.sent_ms
  CROSS JOIN plan
  WHERE refused.ended_ms - sign.sent_ms >= heartbeat_timeout_ms - clock_tolerance_ms()
  UNION
  -- When its task was failed: a sign of life that reached the server afterwards is too late.
  SELECT refused.op
  FROM refused JOIN given_up USING (ti_id) CROSS JOIN plan
  WHERE committed_ms <= refused.ended_ms + clock_tolerance_ms()
    AND coalesce(silent_ms, committed_ms - refused.started_ms) >= heartbeat_timeout_ms - clock_tolerance_ms()
), by_replay AS (
  SELECT refused.op FROM refused JOIN displacements USING (ti_id)
  WHERE displacements.life <> refused.life
    AND committed_ms BETWEEN refused.started_ms - clock_tolerance_ms() AND refused.ended_ms + clock_tolerance_ms()
), wronged AS (
  SELECT * FROM refused
  WHERE op NOT IN (FROM by_operator) AND op NOT IN (FROM after_silence) AND op NOT IN (FROM by_replay)
), cause AS (
  SELECT wronged.op, changes.*
  FROM wronged ASOF JOIN (
    SELECT seq, committed_ms, old_ti_id, state, change, writer, writer_role FROM task_instance_changes
    WHERE old_state = 'running' AND (state IS DISTINCT FROM 'running' OR change = 'delete')
  ) AS changes ON changes.old_ti_id = wronged.ti_id AND wronged.ended_ms + clock_tolerance_ms() >= changes.committed_ms
)
SELECT wronged.* EXCLUDE (op), ended_ms AS at_ms, ended_ms - started_ms AS ran_ms, ran_ms AS severity,
  CASE
    WHEN cause.state = 'skipped' AND coalesce(writer_role = 'api-execution', true) THEN 'skip-downstream'
    WHEN cause.seq IN (SELECT seq FROM taken_back) THEN 'stuck in queued'
    ELSE coalesce(writer_role, reason, 'unknown writer')
  END AS variant,
  CASE WHEN cause.seq IS NULL THEN 'no commit explains it'
    ELSE format('{} had {} it {} before', coalesce(writer, 'an unknown process'),
      CASE WHEN cause.change = 'delete' THEN 'deleted' ELSE 'set ' || state_name(cause.state) || ' on' END,
      seconds(ended_ms - cause.committed_ms)) END AS explanation,
  [wronged.op] AS operations, [cause.seq] AS commits
FROM wronged LEFT JOIN cause USING (op);
