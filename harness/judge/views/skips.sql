-- One row: one downstream task that a branch task's skip-downstream named, unless the server refused the request.
CREATE VIEW skips AS
SELECT
  op, worker, ti_id AS branch_ti_id, dag_id, run_id, task_id AS branch_task_id,
  unnest(string_split(trim(target), ' ')) AS task_id,
  sent_ms, ended_ms, outcome
FROM operations
WHERE kind = 'skip_downstream' AND outcome <> 'refused' AND target IS NOT NULL;
