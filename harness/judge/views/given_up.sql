-- One row: a commit by which a scheduler, or nobody knows who, took a task out of RUNNING. `silent_ms`: how long before that
-- the last sign of life had been sent to which the server had answered by then, NULL if there was none. A heartbeat that
-- the server is still at has not been heard.
CREATE VIEW given_up AS
SELECT taken.seq, taken.ti_id, taken.committed_ms, sign.op, taken.committed_ms - sign.sent_ms AS silent_ms
FROM (
  SELECT seq, committed_ms, state, change, writer_role, old_state,
    -- One transaction may give the row its next id before it takes it out of RUNNING: it is the first id that was run.
    first_value(old_ti_id) OVER (PARTITION BY xid, dag_id, run_id, task_id, map_index ORDER BY seq) AS ti_id
  FROM task_instance_changes
) AS taken
ASOF LEFT JOIN signs_of_life AS sign ON sign.ti_id = taken.ti_id AND taken.committed_ms >= sign.heard_ms
WHERE taken.old_state = 'running' AND (taken.state IS DISTINCT FROM 'running' OR taken.change = 'delete')
  AND coalesce(taken.writer_role = 'scheduler', true);
