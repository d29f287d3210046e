-- One row: a commit that took a task out of RUNNING, whoever made it. `old_ti_id` is the id that was run: one transaction
-- may give the row its next id before it takes it out of RUNNING.
CREATE VIEW left_running AS
SELECT * FROM (
  SELECT * EXCLUDE (statement, "row") REPLACE (
    first_value(old_ti_id) OVER (PARTITION BY xid, dag_id, run_id, task_id, map_index ORDER BY seq) AS old_ti_id)
  FROM task_instance_changes
  -- Heartbeats are most of all changes, and change neither state nor id.
  WHERE change <> 'update' OR old_state IS DISTINCT FROM state OR old_ti_id IS DISTINCT FROM ti_id
)
WHERE old_state = 'running' AND (state IS DISTINCT FROM 'running' OR change = 'delete');
