-- claim: After a task instance's try was superseded (by a clear, a retry or a time-out), the requests of its worker are
--   refused, so that it stops.
-- title: The server accepted requests of a superseded try
-- source: each try has an id of its own; the Execution API answers 404, 410 or 409 to one that is gone
-- needs: commits, operations
-- exercised-by: heartbeats and end reports sent with the id of a superseded try
-- min-exercised: 3
-- cut-off: a request without an answer does not count
-- because: a server that accepts an old id does so each time
-- sentence: {writer} gave {subject} a new try (it was {next_state:state|NONE} then); {after_ms:seconds} later worker
--   {worker} of the old try (try {try_number}) sent {sent}, and the server accepted it with {status}.

-- given
CREATE TEMP TABLE late AS
WITH superseded AS (
  SELECT
    old_ti_id AS ti_id, arg_min(seq, seq) AS seq, min(committed_ms) AS committed_ms, arg_min(writer, seq) AS writer,
    arg_min(coalesce(writer_role, 'unknown writer'), seq) AS writer_role, arg_min_null(state, seq) AS state
  FROM task_instance_changes WHERE old_ti_id <> ti_id AND change = 'update' GROUP BY old_ti_id
)
SELECT operations.*, superseded.seq, superseded.committed_ms, superseded.writer, superseded.writer_role,
  superseded.state AS next_state
FROM operations JOIN superseded USING (ti_id)
WHERE operations.kind IN ('heartbeat', 'state') AND operations.status IS NOT NULL
  -- From 3.4 on a worker says that it has stopped, which is for a superseded try.
  AND requested IS DISTINCT FROM 'server_terminated'
  -- Later by a margin: the answer may come before the commit of a clear that waits for the same row.
  AND operations.sent_ms > superseded.committed_ms + clock_tolerance_ms();

-- exercised
SELECT count(*) FROM late;

-- violations
SELECT *, sent_ms - committed_ms AS after_ms, after_ms AS severity, ended_ms AS at_ms,
  format('{} after {}', CASE kind WHEN 'state' THEN 'end report' ELSE kind END, writer_role) AS variant,
  CASE kind WHEN 'state' THEN 'its end ' || state_name(requested) ELSE 'a heartbeat' END AS sent
FROM late WHERE outcome = 'ok';
