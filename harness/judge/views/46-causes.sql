-- One row: a cause for which a task instance left RUNNING or an end state; a change may have several causes, or none.
-- `op` is the request, where one did it. `cause` is one of
-- * report: the worker's own end report. The server turns one that it cannot carry out into FAILED.
-- * operator: a clear, a mark, a bulk change or a deletion through the public API.
-- * skip: a branch's skip-downstream that named the task.
-- * taken back: a scheduler took it for stuck in QUEUED.
-- * deadline: no sign of life had reached the server for as long as the heartbeat time-out.
-- * worker dead: all lives of this try had ended, so that none was overwritten.
-- * harness cut: the harness was killed, and requests that were open then are not recorded.
CREATE OR REPLACE TABLE change_causes AS
WITH leaving AS (
  FROM left_running
  UNION ALL BY NAME
  FROM task_instance_changes WHERE is_end_state(old_state) AND (state IS DISTINCT FROM old_state OR change = 'delete')
)
SELECT seq, 'report' AS cause, op
FROM leaving JOIN operations ON operations.ti_id = old_ti_id AND kind = 'state' AND outcome <> 'refused'
WHERE old_state = 'running' AND coalesce(writer_role = 'api-execution', true)
  AND may_have_committed(sent_ms, ended_ms, outcome, committed_ms)
  -- A report of another state is no excuse.
  AND (requested IS NULL OR requested = leaving.state OR leaving.state = 'failed')
UNION ALL
SELECT seq, 'operator', NULL FROM leaving WHERE writer_role = 'api-core'
UNION ALL
SELECT seq, 'operator', action.op
FROM leaving JOIN operator_actions AS action USING (dag_id, run_id)
WHERE may_have_committed(action.sent_ms, action.ended_ms, action.outcome, committed_ms)
  AND (writer_role IS NULL OR (old_state = 'running' AND writer_role NOT IN ('api-core', 'api-execution', 'scheduler')
    AND coalesce(action.task_id = leaving.task_id, true)))
UNION ALL
SELECT seq, 'skip', skips.op
FROM leaving JOIN skips USING (dag_id, run_id, task_id)
WHERE leaving.state = 'skipped' AND coalesce(writer_role = 'api-execution', true)
  AND may_have_committed(skips.sent_ms, skips.ended_ms, skips.outcome, committed_ms)
UNION ALL
SELECT seq, 'taken back', NULL FROM leaving SEMI JOIN taken_back USING (seq)
UNION ALL
SELECT seq, 'deadline', given_up.op
FROM given_up JOIN started_tries USING (ti_id) CROSS JOIN plan
WHERE coalesce(silent_ms, committed_ms - started_ms) >= heartbeat_timeout_ms - clock_tolerance_ms()
UNION ALL
SELECT seq, 'worker dead', NULL
FROM leaving JOIN lives ON lives.ti_id = old_ti_id AND lives.end <> 'refused'
WHERE old_state = 'running' AND coalesce(writer_role <> 'api-execution', true)
GROUP BY seq, committed_ms
-- A life that the server stopped was stopped by this very change unless it ended clearly before.
HAVING max(lives.ended_ms + CASE WHEN lives.end = 'stopped' THEN 1 ELSE -1 END * clock_tolerance_ms()) <= committed_ms
UNION ALL
SELECT seq, 'harness cut', NULL
FROM leaving CROSS JOIN requests_known
WHERE committed_ms >= until_ms AND coalesce(writer_role <> 'scheduler', true);

-- Whether one of these causes explains a change.
CREATE OR REPLACE MACRO explained_by(change_seq, causes) AS
  change_seq IN (SELECT seq FROM change_causes WHERE list_contains(causes, cause));

-- One row: a change that a branch's skip explains, and the first such skip.
CREATE OR REPLACE VIEW causing_skips AS
SELECT seq, min(op) AS skip, arg_min(branch_task_id, op) AS branch, arg_min(worker, op) AS worker
FROM change_causes JOIN skips USING (op) WHERE cause = 'skip' GROUP BY seq;

-- One row: a change by which a scheduler set a task to SKIPPED that a branch had not followed, and the first request in
-- which the branch said so. A branch also leaves a result for its scheduler, which asks it for each task that it looks
-- at.
CREATE OR REPLACE VIEW not_followed AS
SELECT seq, min(skips.op) AS declined, arg_min(branch_task_id, skips.op) AS declined_by
FROM task_instance_changes AS changes JOIN skips USING (dag_id, run_id, task_id)
WHERE writer_role = 'scheduler' AND changes.state = 'skipped' AND change <> 'delete'
  AND skips.sent_ms - clock_tolerance_ms() <= committed_ms
  AND branch_ti_id IN (
    SELECT ti_id FROM operations WHERE kind = 'xcom_push' AND target = 'skipmixin_key' AND outcome <> 'refused')
GROUP BY seq;

-- One row: a change that took a task out of RUNNING while its worker, the `victim`, ran it, and that nothing explains:
-- each is a violation of running-is-not-overwritten.
CREATE OR REPLACE TABLE overwrites AS
WITH found AS (
  SELECT left_running.*, worker AS victim, committed_ms - started_ms AS ran_ms
  FROM left_running JOIN started_tries ON started_tries.ti_id = old_ti_id
  WHERE NOT explained_by(seq, ['report', 'operator', 'deadline', 'worker dead', 'harness cut'])
), resumed AS (
  -- The worker of the part that ran then: parts of a task have the same id.
  SELECT part.seq, arg_min(worker, (outcome <> 'ok', sent_ms, op)) AS worker, min(sent_ms) AS started_ms
  FROM (
    SELECT found.seq, found.old_ti_id, resumptions.committed_ms AS resumed_ms
    FROM found ASOF JOIN resumptions ON resumptions.ti_id = found.old_ti_id AND found.seq >= resumptions.seq
  ) AS part
  JOIN operations ON operations.ti_id = part.old_ti_id AND kind = 'run' AND outcome <> 'refused'
    AND sent_ms >= resumed_ms - clock_tolerance_ms()
  GROUP BY part.seq
)
SELECT found.* REPLACE (coalesce(worker, victim) AS victim, coalesce(committed_ms - started_ms, ran_ms) AS ran_ms)
FROM found LEFT JOIN resumed USING (seq);

-- One row: a change that took a task from its worker, and the next request of that worker that was refused for it.
CREATE OR REPLACE VIEW refused_after AS
SELECT left_running.seq, answer.op, answer.kind, answer.ended_ms - left_running.committed_ms AS after_ms,
  concat_ws(' ', answer.status, answer.reason, '(found ' || upper(answer.found_state) || ')') AS answer
FROM left_running ASOF JOIN (
  FROM operations WHERE kind IN ('heartbeat', 'state') AND outcome = 'refused'
) AS answer ON answer.ti_id = old_ti_id AND left_running.committed_ms - clock_tolerance_ms() <= answer.ended_ms;

-- One row: a change by which a report of another life took a task from the worker that ran it. A task that was deferred
-- comes back under its old id: a report of its first part, sent again because its answer was lost, counts as one of the
-- second. `op` and `life` are that report's.
CREATE OR REPLACE VIEW displacements AS
WITH replays AS (
  SELECT op, life, ti_id, requested, sent_ms, ended_ms, outcome FROM operations
  WHERE kind = 'state' AND attempt > 1 AND outcome <> 'refused'
), taken AS (
  SELECT left_running.seq, committed_ms, old_ti_id AS ti_id, replays.op, replays.life
  FROM left_running JOIN replays ON replays.ti_id = old_ti_id AND requested = left_running.state
  WHERE coalesce(writer_role = 'api-execution', true)
    AND may_have_committed(sent_ms, ended_ms, outcome, committed_ms)
)
SELECT taken.*
FROM taken ASOF JOIN (
  SELECT ti_id, life, sent_ms FROM operations SEMI JOIN replays USING (ti_id) WHERE kind = 'run' AND outcome = 'ok'
) AS starts ON starts.ti_id = taken.ti_id AND taken.committed_ms >= starts.sent_ms
WHERE starts.life <> taken.life;
