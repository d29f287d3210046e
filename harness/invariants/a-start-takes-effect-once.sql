-- claim: A start that a worker sends again, because its answer was lost, is accepted and changes nothing: the same try,
--   one start.
-- title: A repeated start was refused, or took effect again
-- source: `/run` answers a start of the same host, user and process with 200 («Duplicate start request received»);
--   since 3.2 it notes a start in the audit log only if the task was not running
-- needs: commits, operations, writers
-- exercised-by: starts that were sent again after they had taken effect
-- min-exercised: 5
-- cut-off: a start without an answer does not count
-- because: a build that carries out a repeated start does so each time
-- sentence: The start that {starter} sent for {subject} took effect although the task was already RUNNING: {effect}.
-- sentence[logged twice]: {subject} (try {try_number}) began {starts} times, and its start is {notes} times in the
--   audit log.
-- sentence[refused]: Worker {worker} sent its start of {subject} again, because the first answer was lost, and was
--   refused, although the task was its own and RUNNING.

-- given
CREATE TEMP TABLE replays AS
SELECT operations.op, operations.ti_id, operations.worker, operations.sent_ms, operations.ended_ms, operations.outcome,
  operations.status, operations.found_state
FROM operations JOIN (
  SELECT ti_id, min(committed_ms) AS committed_ms FROM task_instance_changes
  WHERE state = 'running' AND old_state IS DISTINCT FROM 'running' GROUP BY ti_id
) AS started USING (ti_id)
WHERE operations.kind = 'run' AND operations.attempt > 1 AND operations.status IS NOT NULL
  AND operations.sent_ms >= started.committed_ms - clock_tolerance_ms();

-- exercised
SELECT count(*) FROM replays;

-- violations
WITH again AS (
  -- Nothing else of the Execution API leaves a task in RUNNING.
  SELECT * FROM task_instance_changes
  WHERE writer_role = 'api-execution' AND change = 'update' AND old_seen AND old_state = 'running' AND state = 'running'
    AND (try_number <> old_try_number OR ti_id <> old_ti_id)
), requests AS (
  SELECT again.seq, max(replays.op) AS op, arg_max(replays.worker, replays.op) AS worker
  FROM again JOIN replays ON replays.ti_id = again.old_ti_id
    AND may_have_committed(replays.sent_ms, replays.ended_ms, replays.outcome, again.committed_ms)
  GROUP BY again.seq
), noted AS (
  SELECT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, try_number, count(*) AS notes
  FROM final_log WHERE event = 'running' AND try_number >= 1 GROUP BY ALL
), begun AS (
  -- A task that was deferred begins again in the same try.
  SELECT dag_id, run_id, task_id, coalesce(map_index, -1) AS map_index, try_number, count(*) AS starts,
    max(committed_ms) AS committed_ms, min(seq) AS first_seq
  FROM task_instance_changes WHERE state = 'running' AND old_state IS DISTINCT FROM 'running' GROUP BY ALL
), logged_twice AS (
  SELECT * FROM noted JOIN begun USING (dag_id, run_id, task_id, map_index, try_number) WHERE notes > starts
), their_starts AS (
  SELECT first_seq, seq, ti_id
  FROM (SELECT * REPLACE (coalesce(map_index, -1) AS map_index) FROM task_instance_changes)
  JOIN logged_twice USING (dag_id, run_id, task_id, map_index, try_number)
  WHERE state = 'running' AND old_state IS DISTINCT FROM 'running'
)
SELECT *, committed_ms AS at_ms, coalesce('worker ' || worker, 'a worker') AS starter,
  CASE WHEN ti_id <> old_ti_id THEN 'new id' ELSE 'new try number' END AS variant,
  abs(try_number - old_try_number) AS severity, [op] AS operations, [seq] AS commits,
  CASE WHEN ti_id <> old_ti_id THEN 'it got another id'
    ELSE format('its try number went from {:d} to {:d}', old_try_number, try_number) END AS effect
FROM again LEFT JOIN requests USING (seq)
UNION ALL BY NAME
SELECT logged_twice.* EXCLUDE (first_seq), committed_ms AS at_ms, 'logged twice' AS variant, notes - starts AS severity,
  again_sent.ops AS operations, seqs AS commits
FROM logged_twice
JOIN (SELECT first_seq, list(seq ORDER BY seq) AS seqs FROM their_starts GROUP BY first_seq) AS proof USING (first_seq)
LEFT JOIN (
  SELECT first_seq, list(op ORDER BY op) AS ops
  FROM (SELECT DISTINCT first_seq, ti_id FROM their_starts) AS ids JOIN replays USING (ti_id) GROUP BY first_seq
) AS again_sent USING (first_seq)
UNION ALL BY NAME
-- The row names the worker that owns the task: the refused worker is the owner, and nothing changed in between.
SELECT held.*, replays.worker, replays.ended_ms AS at_ms, 'refused' AS variant, 1 AS severity,
  [replays.op] AS operations, [held.seq] AS commits
FROM (FROM replays WHERE status = 409 AND found_state = 'running') AS replays
ASOF JOIN (FROM task_instance_changes SEMI JOIN replays USING (ti_id) WHERE change <> 'delete') AS held
  ON held.ti_id = replays.ti_id AND replays.ended_ms >= held.committed_ms
WHERE held.state = 'running' AND held.hostname = replays.worker;
