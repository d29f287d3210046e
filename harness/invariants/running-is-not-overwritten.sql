-- claim: A task instance that a worker runs leaves RUNNING only by that worker's own report, an operator's action,
--   a retry or the heartbeat time-out.
-- title: A task was taken out of RUNNING while its worker ran it
-- known-issues: #63266, #71172, #72716
-- source: issues #63266 and #49889; the heartbeat's 409 `not_running` makes the worker kill healthy work
-- needs: commits, operations, lives
-- exercised-by: skips at running tasks, late starts while tasks were taken back as stuck in QUEUED, and failures
--   marked upstream of running tasks
-- min-exercised: 3
-- cut-off: a skip or a mark without an answer does not count
-- because: without a state guard each branch skip overwrites the task, and so does each requeue of a task that just
--   starts
-- sentence: {by} {changed} while worker {victim} had been running it for {ran_ms:seconds}[, {silent_ms:seconds} without
--   a heartbeat, but one had been accepted {ago_ms:seconds} before]; {consequence}.

-- exercised
WITH named AS (
  SELECT dag_id, run_id, task_id, committed_ms AS at_ms, state
  FROM task_instance_changes SEMI JOIN skips USING (dag_id, run_id, task_id)
), at_start AS (
  SELECT one.*, named.state AS state_at_start
  FROM (SELECT *, sent_ms AS at_ms FROM skips WHERE outcome = 'ok') AS one
  ASOF JOIN named USING (dag_id, run_id, task_id, at_ms)
), at_end AS (
  SELECT one.*, named.state AS state_at_end
  FROM (SELECT * REPLACE (ended_ms AS at_ms) FROM at_start) AS one
  ASOF JOIN named USING (dag_id, run_id, task_id, at_ms)
)
-- A sibling that ended by itself while the skip was under way may have ended before it: that exercised nothing.
SELECT
  (SELECT count(DISTINCT op) FROM at_end WHERE state_at_start = 'running' AND state_at_end IN ('running', 'skipped'))
  -- An executor may take two seconds for each that it takes back.
  + (SELECT count(*) FROM task_instance_changes AS started CROSS JOIN plan
    WHERE old_state = 'queued' AND state = 'running' AND started.committed_ms - old_since_ms >= queued_timeout_ms
      AND EXISTS (FROM taken_back
        WHERE abs(taken_back.committed_ms - started.committed_ms) <= 2000 AND taken_back.old_state = 'queued'))
  + (SELECT count(DISTINCT op) FROM operations AS marked
    JOIN (
      SELECT dag_id, task_id, unnest(upstream) AS upstream_id
      FROM (SELECT dag_id, unnest(tasks, recursive := true) FROM plan_dags)
    ) AS later ON later.dag_id = marked.dag_id AND later.upstream_id = marked.task_id
    JOIN lives ON lives.dag_id = marked.dag_id AND lives.run_id = marked.run_id AND lives.task_id = later.task_id
      AND lives.started_ms <= marked.sent_ms AND coalesce(lives.ended_ms >= marked.ended_ms, true)
    WHERE marked.kind = 'mark' AND marked.requested = 'failed' AND marked.outcome = 'ok');

-- violations
WITH alive AS (
  -- Silent for longer than the time-out, and then a heartbeat was accepted before its task was failed.
  SELECT seq, arg_max(silent_ms, sent_ms) AS silent_ms, min(committed_ms - accepted_ms) AS ago_ms,
    arg_max(signs.op, sent_ms) AS heartbeat
  FROM overwrites JOIN (
    SELECT *, ti_id AS old_ti_id, accepted_ms - lag(sent_ms) OVER (PARTITION BY ti_id ORDER BY sent_ms) AS silent_ms
    FROM signs_of_life WHERE ti_id IN (SELECT old_ti_id FROM overwrites)
  ) AS signs USING (old_ti_id) CROSS JOIN plan
  WHERE writer_role = 'scheduler' AND silent_ms >= heartbeat_timeout_ms - clock_tolerance_ms()
    AND sent_ms >= committed_ms - heartbeat_timeout_ms AND accepted_ms <= committed_ms
  GROUP BY seq
), resumed AS (
  SELECT overwrites.seq, again
  FROM overwrites ASOF JOIN resumptions ON resumptions.ti_id = old_ti_id AND overwrites.seq > resumptions.seq
)
SELECT * EXCLUDE (op), [skip, declined, heartbeat, op] AS operations, ran_ms AS severity,
  CASE WHEN skip IS NOT NULL THEN 'skip-downstream'
    WHEN is_taken_back AND state = 'scheduled' AND writer_role = 'scheduler' THEN 'stuck in queued'
    WHEN heartbeat IS NOT NULL THEN 'stale heartbeat timeout'
    WHEN declined IS NOT NULL THEN 'not followed'
    WHEN writer_role = 'scheduler' AND state IN ('upstream_failed', 'skipped') THEN 'trigger rule'
    WHEN writer_role = 'scheduler' AND state IN ('failed', 'up_for_retry')
      AND again IS NOT NULL THEN format('{} task', again)
    ELSE coalesce(writer_role, 'unknown writer') END AS variant,
  CASE variant WHEN 'skip-downstream' THEN format('skip-downstream of branch task {} (worker {})', branch, worker)
    ELSE format('{} ({})', coalesce(writer_role, 'An unknown process'), coalesce(writer, 'its name was not recorded'))
      || CASE variant WHEN 'stuck in queued' THEN ', which took it for stuck in QUEUED,'
        WHEN 'not followed' THEN format(', which looked again at what branch task {} had decided,', declined_by)
        WHEN 'trigger rule' THEN ', which evaluated its trigger rule again,'
        WHEN format('{} task', again) THEN ', to which its executor may have reported the end of the part before,'
        ELSE '' END END AS by,
  format(CASE change WHEN 'delete' THEN 'deleted task {} of {}/{} from RUNNING'
    ELSE 'set task {} of {}/{} from RUNNING to {}' END, task_id, dag_id, run_id, state_name(state)) AS changed,
  coalesce(format('{} later its {} was refused with {}, and its work was lost', seconds(after_ms), kind, answer),
    'the worker got no answer that says so') AS consequence
FROM overwrites LEFT JOIN causing_skips USING (seq) LEFT JOIN alive USING (seq) LEFT JOIN refused_after USING (seq)
  LEFT JOIN resumed USING (seq) LEFT JOIN not_followed USING (seq);
