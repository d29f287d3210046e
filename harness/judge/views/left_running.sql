-- One row: a commit that took a task out of RUNNING, whoever made it. `old_ti_id` is the id that was run: one transaction
-- may give the row its next id before it takes it out of RUNNING.
CREATE VIEW left_running AS
WITH renewed AS (
  SELECT xid, dag_id, run_id, task_id, map_index, min(seq) AS renewed_seq, arg_min(old_ti_id, seq) AS first_ti_id
  FROM task_instance_changes WHERE old_ti_id <> ti_id GROUP BY ALL
)
SELECT * EXCLUDE (renewed_seq, first_ti_id)
  REPLACE (CASE WHEN renewed_seq < seq THEN first_ti_id ELSE old_ti_id END AS old_ti_id)
FROM task_instance_changes LEFT JOIN renewed USING (xid, dag_id, run_id, task_id, map_index)
WHERE old_state = 'running' AND (state IS DISTINCT FROM 'running' OR change = 'delete');
