-- One row: a sign of life of a worker that the server took for one: its start as it was committed (a start that is sent
-- again is answered, and renews nothing), and each accepted heartbeat. The server notes the time between `sent_ms` and
-- `heard_ms`: of a start, which on a busy server waits for seconds, somewhere before its commit.
CREATE VIEW signs_of_life AS
SELECT op, ti_id, sent_ms, ended_ms + clock_tolerance_ms() AS heard_ms
FROM operations WHERE kind = 'heartbeat' AND outcome = 'ok'
UNION ALL
SELECT NULL, started.ti_id, coalesce(min(start.sent_ms), committed_ms), committed_ms
FROM task_instance_changes AS started LEFT JOIN operations AS start
  ON start.ti_id = started.ti_id AND start.kind = 'run'
  AND may_have_committed(start.sent_ms, start.ended_ms, start.outcome, started.committed_ms)
WHERE started.state = 'running' AND old_state IS DISTINCT FROM 'running'
  AND coalesce(writer_role = 'api-execution', true)
GROUP BY started.seq, started.ti_id, committed_ms;
