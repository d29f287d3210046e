-- claim: An end state that the server accepted is committed, and stays until an operator clears or marks the task.
-- title: An end that the server had accepted was lost or overwritten
-- source: the Execution API commits before it answers (#58524), and the worker forgets the task then
-- needs: commits, operations
-- exercised-by: accepted end reports
-- min-exercised: 20
-- cut-off: an end that was accepted in the last moments of the commit stream counts only if its commit came
-- because: fewer ended tasks show little about ends
-- sentence: Worker {worker} reported {requested:state} for {subject} and the server accepted it; {after_ms:seconds}
--   later [{skip:if}a skip-downstream through ]{writer} {changed}.
-- sentence[never committed]: Worker {worker} reported {requested:state} for {subject} and the server accepted it, but
--   the state was never committed.
-- sentence[taken as a failure]: Worker {worker} reported {requested:state} for {subject} and the server accepted it,
--   but it had met an error in the database and committed FAILED.

-- given
CREATE TEMP TABLE followed AS
SELECT accepted_ends.*, reached_ms,
  -- The stream may end before what was answered last: the harness was killed, or the stream was behind.
  ended_ms <= (SELECT max(committed_ms) FROM commits) - stream_tail_ms() AS is_in_stream
FROM accepted_ends LEFT JOIN (
  -- A replay may be answered 200 long after the state was committed, so there is no earliest moment.
  SELECT coalesce(old_ti_id, ti_id) AS ti_id, state AS requested, min(committed_ms) AS reached_ms
  FROM task_instance_changes WHERE is_end_state(state) GROUP BY ALL
) AS reached USING (ti_id, requested);

-- exercised
SELECT count(*) FROM followed WHERE is_in_stream OR reached_ms IS NOT NULL;

-- violations
SELECT ended_ms AS at_ms, 2e9 AS severity, [op] AS operations, []::BIGINT[] AS commits, -- Worse than one undone.
  CASE WHEN op IN (SELECT op FROM taken_as_failure) THEN 'taken as a failure' ELSE 'never committed' END AS variant,
  followed.* EXCLUDE (reached_ms, is_in_stream)
FROM followed
ANTI JOIN final_task_instance AS final ON final.id = followed.ti_id AND final.state = requested
WHERE coalesce(reached_ms > ended_ms + clock_tolerance_ms(), true) AND is_in_stream
UNION ALL BY NAME
SELECT committed_ms AS at_ms, at_ms - ended_ms AS severity, [op, skip] AS operations, [seq] AS commits,
  CASE WHEN skip IS NOT NULL THEN 'skip-downstream' WHEN seq IN (SELECT seq FROM taken_back) THEN 'stuck in queued'
    WHEN writer_role = 'scheduler' AND state IN ('failed', 'up_for_retry') THEN 'executor event'
    ELSE coalesce(writer_role, 'unknown writer') END AS variant,
  accepted_ends.*, writer, skip, severity AS after_ms,
  CASE WHEN change = 'delete' THEN 'deleted it' ELSE 'changed it to ' || state_name(state) END AS changed
FROM accepted_ends JOIN task_instance_changes AS changes ON old_ti_id = accepted_ends.ti_id AND old_state = requested
LEFT JOIN causing_skips USING (seq)
WHERE (state IS DISTINCT FROM old_state OR change = 'delete') AND NOT explained_by(seq, ['operator']);
