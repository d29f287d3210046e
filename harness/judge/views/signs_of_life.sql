-- One row: a sign of life of a worker that the server took for one: its start as it was committed (a start that is sent
-- again is answered, and renews nothing), and each accepted heartbeat. `heard_ms`: surely by then.
CREATE VIEW signs_of_life AS
SELECT op, ti_id, sent_ms, ended_ms + clock_tolerance_ms() AS heard_ms
FROM operations WHERE kind = 'heartbeat' AND outcome = 'ok'
UNION ALL
SELECT NULL, ti_id, committed_ms, committed_ms FROM task_instance_changes
WHERE state = 'running' AND old_state IS DISTINCT FROM 'running' AND coalesce(writer_role = 'api-execution', true);
