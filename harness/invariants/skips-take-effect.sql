-- claim: When a branch's skip is accepted, every task that it names and that had not begun is SKIPPED, and is not
--   started afterwards.
-- title: A task that a branch had skipped was not skipped, or started later
-- known-issues: #60330
-- source: `skip-downstream` of the Execution API sets all tasks that it names, except those that run or have ended;
--   issue #60330: a scheduler must not set a skipped task to SCHEDULED
-- needs: commits, operations
-- exercised-by: tasks that had not begun when an accepted skip named them
-- min-exercised: 10
-- cut-off: a skip without an answer does not count
-- because: a state that the server overlooks is overlooked each time, and ten tasks wait in several states
-- sentence: Branch task {branch} (worker {worker}) skipped task {task_id} of {dag_id}/{run_id}{then}.

-- given
CREATE TEMP TABLE named AS
SELECT
  skips.*, coalesce(changes.map_index, -1) AS map_index, changes.state AS state_before,
  changes.committed_ms AS since_ms
FROM skips ASOF JOIN (
  SELECT * FROM task_instance_changes SEMI JOIN skips USING (dag_id, run_id, task_id)
) AS changes
  ON changes.dag_id = skips.dag_id AND changes.run_id = skips.run_id AND changes.task_id = skips.task_id
  -- Its state when the request was sent; changes during the request are handled below.
  AND skips.sent_ms - clock_tolerance_ms() >= changes.committed_ms
WHERE skips.outcome = 'ok' AND changes.change <> 'delete';

-- The states of the task during the request, including the state before it.
CREATE TEMP TABLE passed AS
SELECT
  named.op, named.task_id, any_value(named.state_before) AS state_before,
  bool_or(changes.state = 'skipped') AS skipped,
  bool_and(changes.seq IS NULL OR changes.state IS NULL
    OR changes.state IN ('scheduled', 'queued', 'up_for_retry', 'up_for_reschedule')) AS never_began
FROM named LEFT JOIN task_instance_changes AS changes
  ON changes.dag_id = named.dag_id AND changes.run_id = named.run_id AND changes.task_id = named.task_id
  AND changes.committed_ms BETWEEN named.sent_ms - clock_tolerance_ms() AND named.ended_ms + clock_tolerance_ms()
WHERE named.state_before IS NULL OR named.state_before IN ('scheduled', 'queued', 'up_for_retry', 'up_for_reschedule')
GROUP BY ALL;

-- exercised
SELECT count(*) FROM passed WHERE never_began OR coalesce(skipped, false);

-- violations
WITH ignored AS (
  SELECT named.*
  FROM passed JOIN named USING (op, task_id)
  WHERE passed.never_began AND NOT coalesce(passed.skipped, false)
), later AS (
  SELECT ignored.op, ignored.task_id, min(changes.seq) AS seq, arg_min_null(changes.state, changes.seq) AS state
  FROM ignored JOIN task_instance_changes AS changes USING (dag_id, run_id, task_id)
  WHERE changes.committed_ms > ignored.ended_ms AND changes.state IS DISTINCT FROM changes.old_state
  GROUP BY ALL
), revived AS (
  -- An operator who clears a skipped task sets it to none first.
  SELECT changes.*, skipped.seq AS skipped_seq, skipped.committed_ms AS skipped_ms
  FROM task_instance_changes AS changes ASOF JOIN (
    SELECT * FROM task_instance_changes
    WHERE state = 'skipped' AND old_state IS DISTINCT FROM 'skipped' AND coalesce(writer_role = 'api-execution', true)
  ) AS skipped
    ON skipped.dag_id = changes.dag_id AND skipped.run_id = changes.run_id AND skipped.task_id = changes.task_id
    AND changes.seq >= skipped.seq
  WHERE changes.old_state = 'skipped' AND changes.state IN ('scheduled', 'queued', 'running')
    AND coalesce(changes.writer_role <> 'api-core', true)
), revived_skips AS (
  SELECT revived.seq, min(skips.op) AS op, arg_min(skips.branch_task_id, skips.op) AS branch,
    arg_min(skips.worker, skips.op) AS worker
  FROM revived JOIN skips USING (dag_id, run_id, task_id)
  WHERE may_have_committed(skips.sent_ms, skips.ended_ms, skips.outcome, revived.skipped_ms)
  GROUP BY revived.seq
)
SELECT ignored.*, branch_task_id AS branch, ended_ms AS at_ms, coalesce(state_before, 'none') AS variant,
  sent_ms - since_ms AS severity, [op] AS operations, [seq] AS commits,
  format(', and the server accepted it, but the task stayed {}', state_name(state_before))
    || coalesce(format(' and became {} afterwards', upper(later.state)), '') AS then
FROM ignored LEFT JOIN later USING (op, task_id)
UNION ALL BY NAME
SELECT revived.* EXCLUDE (seq), branch, worker, committed_ms AS at_ms, format('skipped, then {}', state) AS variant,
  committed_ms - skipped_ms AS severity, [op] AS operations, [skipped_seq, revived.seq] AS commits,
  format('; {} later {} set it from SKIPPED to {}', seconds(committed_ms - skipped_ms),
    coalesce(writer, 'an unknown process'), state_name(state)) AS then
FROM revived JOIN revived_skips USING (seq);
