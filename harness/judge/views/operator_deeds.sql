-- One row: a clear, a mark, a bulk change or a deletion of a run that an operator sent and the server did not refuse.
-- It may reach further than the task it names (downstream, the whole run), so it is matched by DAG and run.
CREATE VIEW operator_deeds AS
SELECT op, kind, worker AS operator, dag_id, run_id, task_id, sent_ms, ended_ms, outcome
FROM operations
WHERE kind IN ('clear', 'mark', 'bulk', 'delete') AND outcome <> 'refused';
