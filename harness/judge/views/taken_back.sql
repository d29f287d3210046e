-- One row: a commit by which a scheduler took a task back that had been queued for too long (`_handle_tasks_stuck_in_queued`):
-- its executor was told, then the task was set to SCHEDULED. Told by the statement, as schedulers set tasks to SCHEDULED
-- for other reasons, too.
CREATE VIEW taken_back AS
SELECT seq, committed_ms, writer, old_state FROM task_instance_changes
WHERE state = 'scheduled' AND writer_role = 'scheduler' AND is_taken_back;
