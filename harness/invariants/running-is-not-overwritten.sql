-- claim: A task instance that a worker runs leaves RUNNING only by that worker's own report, an operator's action,
--   a retry or the heartbeat time-out.
-- title: A task was taken out of RUNNING while its worker ran it
-- known-issues: #63266
-- source: issues #63266 and #49889; the heartbeat's 409 `not_running` makes the worker kill healthy work
-- needs: commits, operations, lives
-- exercised-by: skips at running tasks, late starts while tasks were taken back as stuck in QUEUED, and failures
--   marked upstream of running tasks
-- min-exercised: 3
-- because: where skip-downstream has no state guard, each of them overwrites; so does taking back, of what starts meanwhile

-- given
CREATE TEMP TABLE taken AS
SELECT left_running.*, runs.worker AS victim, runs.started_ms
FROM left_running
-- Only what a worker of ours runs: its /run was accepted, or may have been.
JOIN (
  SELECT ti_id, arg_min(worker, (outcome <> 'ok', sent_ms, op)) AS worker, min(sent_ms) AS started_ms
  FROM operations WHERE kind = 'run' AND outcome <> 'refused' GROUP BY ti_id
) AS runs ON runs.ti_id = left_running.old_ti_id;

CREATE TEMP TABLE overwritten AS
WITH reported AS (
  SELECT DISTINCT taken.seq
  FROM taken JOIN operations ON operations.ti_id = taken.old_ti_id
  WHERE operations.kind = 'state' AND outcome <> 'refused'
    AND may_have_committed(sent_ms, ended_ms, outcome, committed_ms)
    AND coalesce(writer_role = 'api-execution', true)
    -- A report of another state is no excuse, except that the server turns a report it cannot carry out into FAILED.
    AND (requested IS NULL OR requested = taken.state OR taken.state = 'failed')
), by_operator AS (
  SELECT seq FROM taken WHERE writer_role = 'api-core'
  UNION
  SELECT taken.seq
  FROM taken JOIN operator_actions USING (dag_id, run_id)
  WHERE may_have_committed(operator_actions.sent_ms, operator_actions.ended_ms, outcome, committed_ms)
    AND (operator_actions.task_id IS NULL OR operator_actions.task_id = taken.task_id OR writer_role IS NULL)
    AND coalesce(writer_role NOT IN ('api-execution', 'scheduler'), true)
), by_deadline AS (
  -- The last sign of life that the server has heard is older than the time-out.
  SELECT seq
  FROM taken JOIN given_up USING (seq) CROSS JOIN plan
  WHERE coalesce(silent_ms, taken.committed_ms - started_ms) >= heartbeat_timeout_ms - clock_tolerance_ms()
), cut_off AS (
  -- What a killed harness had under way.
  SELECT seq FROM taken CROSS JOIN requests_known
  WHERE committed_ms >= until_ms AND coalesce(writer_role <> 'scheduler', true)
), after_death AS (
  -- Nobody runs it any more: all lives of this try have ended, and a scheduler clears up.
  SELECT taken.seq
  FROM taken JOIN lives ON lives.ti_id = taken.old_ti_id AND lives.end <> 'refused'
  WHERE coalesce(writer_role <> 'api-execution', true)
  GROUP BY taken.seq, committed_ms
  -- A life that the server stopped was stopped by this very change unless it ended clearly before.
  HAVING max(lives.ended_ms + CASE WHEN lives.end = 'stopped' THEN 1 ELSE -1 END * clock_tolerance_ms()) <= committed_ms
)
SELECT * FROM taken
WHERE seq NOT IN (FROM reported) AND seq NOT IN (FROM by_operator)
  AND seq NOT IN (FROM by_deadline) AND seq NOT IN (FROM after_death) AND seq NOT IN (FROM cut_off);

-- exercised
WITH named AS (
  SELECT dag_id, run_id, task_id, committed_ms, state
  FROM task_instance_changes SEMI JOIN skips USING (dag_id, run_id, task_id)
), at_start AS (
  SELECT skips.*, changes.state AS state_at_start
  FROM skips ASOF JOIN named AS changes
    ON changes.dag_id = skips.dag_id AND changes.run_id = skips.run_id AND changes.task_id = skips.task_id
    AND skips.sent_ms >= changes.committed_ms
  WHERE skips.outcome = 'ok'
), at_end AS (
  SELECT at_start.*, changes.state AS state_at_end
  FROM at_start ASOF JOIN named AS changes
    ON changes.dag_id = at_start.dag_id AND changes.run_id = at_start.run_id AND changes.task_id = at_start.task_id
    AND at_start.ended_ms >= changes.committed_ms
)
-- A sibling that ended by itself while the skip was under way may have ended before it: no chance.
SELECT
  (SELECT count(DISTINCT op) FROM at_end WHERE state_at_start = 'running' AND state_at_end IN ('running', 'skipped'))
  -- An executor may take two seconds for each that it takes back.
  + (SELECT count(*) FROM task_instance_changes AS started CROSS JOIN plan
    WHERE old_state = 'queued' AND state = 'running' AND started.committed_ms - old_since_ms >= queued_timeout_ms
      AND EXISTS (FROM taken_back
        WHERE abs(taken_back.committed_ms - started.committed_ms) <= 2000 AND taken_back.old_state = 'queued'))
  + (SELECT count(DISTINCT op)
    FROM operations AS marked
    JOIN (SELECT dag_id, unnest(tasks, recursive := true) FROM plan_dags) AS later
      ON later.dag_id = marked.dag_id AND list_contains(later.upstream, marked.task_id)
    JOIN lives ON lives.dag_id = marked.dag_id AND lives.run_id = marked.run_id AND lives.task_id = later.task_id
      AND lives.started_ms <= marked.sent_ms AND coalesce(lives.ended_ms >= marked.ended_ms, true)
    WHERE marked.kind = 'mark' AND marked.requested = 'failed' AND marked.outcome = 'ok');

-- violations
WITH skipped AS (
  SELECT
    overwritten.seq, min(skips.op) AS op, arg_min(branch_task_id, skips.op) AS branch,
    arg_min(worker, skips.op) AS worker
  FROM overwritten JOIN skips USING (dag_id, run_id, task_id)
  WHERE overwritten.state = 'skipped' AND coalesce(writer_role = 'api-execution', true)
    AND may_have_committed(sent_ms, ended_ms, outcome, committed_ms)
  GROUP BY overwritten.seq
), heard AS (
  -- Silent for longer than the time-out, and heard again before it was given up.
  SELECT overwritten.seq, arg_max(silent_ms, sent_ms) AS silent_ms, min(committed_ms - heard_ms) AS ago_ms,
    arg_max(signs.op, sent_ms) AS op
  FROM overwritten JOIN (
    SELECT *, heard_ms - lag(sent_ms) OVER (PARTITION BY ti_id ORDER BY sent_ms) AS silent_ms
    FROM signs_of_life SEMI JOIN overwritten ON overwritten.old_ti_id = signs_of_life.ti_id
  ) AS signs ON signs.ti_id = overwritten.old_ti_id
  CROSS JOIN plan
  WHERE writer_role = 'scheduler' AND silent_ms >= heartbeat_timeout_ms - clock_tolerance_ms()
    AND sent_ms >= committed_ms - heartbeat_timeout_ms AND heard_ms <= committed_ms
  GROUP BY overwritten.seq
), told AS (
  SELECT overwritten.seq, answer.op, answer.kind, answer.status, answer.reason, answer.found_state, answer.ended_ms
  FROM overwritten ASOF JOIN (
    SELECT * FROM operations WHERE kind IN ('heartbeat', 'state') AND outcome = 'refused'
  ) AS answer
    ON answer.ti_id = overwritten.old_ti_id AND overwritten.committed_ms - clock_tolerance_ms() <= answer.ended_ms
)
SELECT
  overwritten.committed_ms AS at_ms,
  subject_of(dag_id, run_id, task_id, map_index) AS subject,
  CASE
    WHEN skipped.op IS NOT NULL THEN 'skip-downstream'
    WHEN overwritten.seq IN (SELECT seq FROM taken_back) THEN 'stuck in queued'
    WHEN heard.op IS NOT NULL THEN 'heard again'
    WHEN writer_role = 'scheduler' AND overwritten.state IN ('upstream_failed', 'skipped') THEN 'trigger rule'
    ELSE coalesce(writer_role, 'unknown writer')
  END AS variant,
  committed_ms - started_ms AS severity,
  CASE
    WHEN skipped.op IS NOT NULL
      THEN format('skip-downstream of branch task {} (worker {})', skipped.branch, skipped.worker)
    ELSE format('{} ({})', coalesce(writer_role, 'An unknown process'), coalesce(writer, 'its name was not recorded'))
      || CASE WHEN overwritten.seq IN (SELECT seq FROM taken_back) THEN ', which took it for stuck in QUEUED,'
        WHEN writer_role = 'scheduler' AND overwritten.state IN ('upstream_failed', 'skipped')
        THEN ', which asked its trigger rule once more,' ELSE '' END
  END
  || CASE WHEN change = 'delete' THEN ' deleted' ELSE ' set' END
  || format(' task {} of {}/{} from RUNNING', task_id, dag_id, run_id)
  || CASE WHEN change = 'delete' THEN '' ELSE ' to ' || state_name(state) END
  || format(' while worker {} had been running it for {}', victim, seconds(committed_ms - started_ms))
  || CASE WHEN heard.op IS NULL THEN ''
    ELSE format(', unheard for {}, but a heartbeat of it had been accepted {} before', seconds(silent_ms),
      seconds(ago_ms)) END
  || CASE
    WHEN told.op IS NULL THEN '; the worker was never told.'
    ELSE format('; {} later its {} was refused with {}{}{}, and its work was lost.',
      seconds(told.ended_ms - committed_ms), told.kind, told.status,
      coalesce(' ' || told.reason, ''), coalesce(' (found ' || upper(told.found_state) || ')', ''))
  END AS sentence,
  list_filter([skipped.op, heard.op, told.op], op -> op IS NOT NULL) AS operations,
  [overwritten.seq] AS commits
FROM overwritten LEFT JOIN skipped USING (seq) LEFT JOIN heard USING (seq) LEFT JOIN told USING (seq);
