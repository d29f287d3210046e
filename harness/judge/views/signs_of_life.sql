-- One row: a sign of life of a worker that the server took for one: its start as it was committed (a start that is sent
-- again is answered, and renews nothing), and each accepted heartbeat. The server notes the time between `sent_ms` and
-- `heard_ms`: of a start, which on a busy server waits for seconds, somewhere before its commit.
CREATE VIEW signs_of_life AS
WITH begun AS (
  SELECT seq, ti_id, committed_ms FROM task_instance_changes
  WHERE state = 'running' AND old_state IS DISTINCT FROM 'running' AND coalesce(writer_role = 'api-execution', true)
)
SELECT op, ti_id, sent_ms, ended_ms + clock_tolerance_ms() AS heard_ms
FROM operations WHERE kind = 'heartbeat' AND outcome = 'ok'
UNION ALL
SELECT NULL, begun.ti_id, coalesce(started.sent_ms, begun.committed_ms), begun.committed_ms
FROM begun
-- A LEFT JOIN under more than an equation would compare each with all.
LEFT JOIN (
  SELECT begun.seq, min(start.sent_ms) AS sent_ms
  FROM begun JOIN operations AS start ON start.ti_id = begun.ti_id
  WHERE start.kind = 'run' AND may_have_committed(start.sent_ms, start.ended_ms, start.outcome, begun.committed_ms)
  GROUP BY begun.seq
) AS started USING (seq);
