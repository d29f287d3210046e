-- claim: An end state that the server accepted is committed, and stays until an operator clears or marks the task.
-- title: An end that the server had accepted was lost or overwritten
-- source: the Execution API commits before it answers (#58524), and the worker forgets the task then
-- needs: commits, operations
-- exercised-by: accepted end reports
-- min-exercised: 20
-- because: a run in which fewer tasks ended has shown little about ends

-- given
CREATE TEMP TABLE acknowledged AS
SELECT op, worker, ti_id, dag_id, run_id, task_id, map_index, requested, sent_ms, ended_ms
FROM operations
WHERE kind = 'state' AND outcome = 'ok' AND requested IN ('success', 'failed', 'skipped');

-- exercised
SELECT count(*) FROM acknowledged;

-- violations
WITH reached AS (
  -- A replay may be answered 200 long after the state was committed, so there is no earliest moment.
  SELECT coalesce(old_ti_id, ti_id) AS ti_id, state, min(committed_ms) AS committed_ms
  FROM task_instance_changes WHERE is_end_state(state) GROUP BY ALL
), missing AS (
  SELECT acknowledged.*
  FROM acknowledged
  LEFT JOIN reached ON reached.ti_id = acknowledged.ti_id AND reached.state = acknowledged.requested
  LEFT JOIN final_task_instance AS final ON final.id = acknowledged.ti_id AND final.state = acknowledged.requested
  CROSS JOIN (SELECT max(committed_ms) AS last_ms FROM commits) AS stream
  WHERE coalesce(reached.committed_ms > ended_ms + clock_tolerance_ms(), true)
    AND final.id IS NULL
    -- The stream may end before what was answered last: the harness was killed, or the stream was behind.
    AND acknowledged.ended_ms <= stream.last_ms - 2000
), undone AS (
  SELECT
    acknowledged.*, changes.seq, changes.change, changes.state, changes.committed_ms, changes.writer,
    changes.writer_role
  FROM acknowledged JOIN task_instance_changes AS changes
    ON changes.old_ti_id = acknowledged.ti_id AND changes.old_state = acknowledged.requested
  WHERE (changes.state IS DISTINCT FROM changes.old_state OR changes.change = 'delete')
    AND coalesce(changes.writer_role <> 'api-core', true)
), not_by_operator AS (
  SELECT undone.*, skipped.op AS skip
  FROM undone
  LEFT JOIN skips AS skipped
    ON skipped.dag_id = undone.dag_id AND skipped.run_id = undone.run_id AND skipped.task_id = undone.task_id
    AND undone.state = 'skipped' AND coalesce(writer_role = 'api-execution', true)
    AND may_have_committed(skipped.sent_ms, skipped.ended_ms, skipped.outcome, committed_ms)
  WHERE writer_role IS NOT NULL OR NOT EXISTS (
    FROM operator_actions AS action
    WHERE action.dag_id = undone.dag_id AND action.run_id = undone.run_id
      AND may_have_committed(action.sent_ms, action.ended_ms, action.outcome, undone.committed_ms))
  QUALIFY row_number() OVER (PARTITION BY undone.op, undone.seq ORDER BY skipped.op) = 1
)
SELECT
  ended_ms AS at_ms,
  subject_of(dag_id, run_id, task_id, map_index) AS subject,
  CASE WHEN op IN (SELECT op FROM taken_as_failure) THEN 'taken as a failure' ELSE 'never committed' END AS variant,
  2e9 AS severity, -- A lost end is worse than one that was undone.
  format('Worker {} reported {} for {} and the server accepted it, but ', worker, state_name(requested),
    subject_of(dag_id, run_id, task_id, map_index))
    || CASE WHEN op IN (SELECT op FROM taken_as_failure)
      THEN 'it had met an error in the database and committed FAILED.'
      ELSE 'the state was never committed.'
    END AS sentence,
  [op] AS operations,
  []::BIGINT[] AS commits
FROM missing
UNION ALL
SELECT
  committed_ms, subject_of(dag_id, run_id, task_id, map_index),
  CASE
    WHEN skip IS NOT NULL THEN 'skip-downstream'
    WHEN seq IN (SELECT seq FROM taken_back) THEN 'stuck in queued'
    WHEN writer_role = 'scheduler' AND state IN ('failed', 'up_for_retry') THEN 'executor event'
    ELSE coalesce(writer_role, 'unknown writer')
  END,
  committed_ms - ended_ms,
  format('Worker {} reported {} for {} and the server accepted it; {} later ', worker, state_name(requested),
    subject_of(dag_id, run_id, task_id, map_index), seconds(committed_ms - ended_ms))
    || CASE WHEN skip IS NOT NULL THEN 'a skip-downstream through ' ELSE '' END
    || coalesce(writer, 'an unknown process')
    || CASE WHEN change = 'delete' THEN ' deleted it.' ELSE format(' changed it to {}.', state_name(state)) END,
  list_filter([op, skip], op -> op IS NOT NULL), [seq]
FROM not_by_operator;
