-- One row: a clear, a mark, a bulk change or a deletion of a run that an operator sent and the server did not refuse.
-- It may reach further than the task it names (downstream, the whole run), so it is matched by DAG and run.
CREATE OR REPLACE VIEW operator_actions AS
SELECT op, kind, worker AS operator, dag_id, run_id, task_id, sent_ms, ended_ms, outcome
FROM operations
WHERE kind IN ('clear', 'mark', 'bulk', 'delete') AND outcome <> 'refused';

-- One row: one downstream task that a branch task's skip-downstream named, unless the server refused the request.
CREATE OR REPLACE VIEW skips AS
SELECT
  op, worker, ti_id AS branch_ti_id, dag_id, run_id, task_id AS branch_task_id,
  unnest(string_split(trim(target), ' ')) AS task_id,
  sent_ms, ended_ms, outcome
FROM operations
WHERE kind = 'skip_downstream' AND outcome <> 'refused' AND target IS NOT NULL;

-- One row: a try whose start the server accepted, or may have accepted, and the worker that runs it.
CREATE OR REPLACE VIEW started_tries AS
SELECT ti_id, arg_min(worker, (outcome <> 'ok', sent_ms, op)) AS worker, min(sent_ms) AS started_ms
FROM operations WHERE kind = 'run' AND outcome <> 'refused' GROUP BY ti_id;

-- One row: an end state that a worker reported and the server accepted.
CREATE OR REPLACE VIEW accepted_ends AS
SELECT op, worker, ti_id, dag_id, run_id, task_id, map_index, requested, ended_ms
FROM operations WHERE kind = 'state' AND outcome = 'ok' AND requested IN ('success', 'failed', 'skipped');

-- One row: one kind of refusal (4xx) and how often it was answered.
CREATE OR REPLACE VIEW refusals AS
SELECT
  status, kind, coalesce(reason, '') AS reason, coalesce(found_state, '') AS found_state,
  -- Sent before without an answer: what is refused may have been carried out then.
  attempt > 1 AS replay,
  count(*) AS "count", min(ended_ms) AS first_ms, min(op) AS example
FROM operations
WHERE status BETWEEN 400 AND 499
GROUP BY ALL;

-- One row: a sign of life of a worker that the server accepted: its committed start (a repeated start is answered, and
-- renews nothing), and each accepted heartbeat. The server's own time of it lies between `sent_ms` and `accepted_ms`;
-- of a start, which on a busy server waits for seconds, somewhere before its commit.
CREATE OR REPLACE VIEW signs_of_life AS
WITH begun AS (
  SELECT seq, ti_id, committed_ms FROM task_instance_changes
  WHERE state = 'running' AND old_state IS DISTINCT FROM 'running' AND coalesce(writer_role = 'api-execution', true)
)
SELECT op, ti_id, sent_ms, ended_ms + clock_tolerance_ms() AS accepted_ms
FROM operations WHERE kind = 'heartbeat' AND outcome = 'ok'
UNION ALL
SELECT NULL, begun.ti_id, coalesce(started.sent_ms, begun.committed_ms), begun.committed_ms
FROM begun
-- A LEFT JOIN on more than equality would compare each row with all others.
LEFT JOIN (
  SELECT begun.seq, min(start.sent_ms) AS sent_ms
  FROM begun JOIN operations AS start ON start.ti_id = begun.ti_id
  WHERE start.kind = 'run' AND may_have_committed(start.sent_ms, start.ended_ms, start.outcome, begun.committed_ms)
  GROUP BY begun.seq
) AS started USING (seq);

-- One row: a task instance that one transaction gave its next id, and the id that it had before.
CREATE OR REPLACE VIEW renewals AS
SELECT xid, dag_id, run_id, task_id, map_index, min(seq) AS renewed_seq, arg_min(moved_from, seq) AS first_ti_id
FROM kept_changes WHERE moved_from IS NOT NULL GROUP BY ALL;

-- One row: a commit that took a task out of RUNNING, by any process. `old_ti_id` is the id that was run: one
-- transaction may give the row its next id before it takes it out of RUNNING.
CREATE OR REPLACE VIEW left_running AS
SELECT * EXCLUDE (renewed_seq, first_ti_id)
  REPLACE (CASE WHEN renewed_seq < seq THEN first_ti_id ELSE old_ti_id END AS old_ti_id)
FROM task_instance_changes LEFT JOIN renewals USING (xid, dag_id, run_id, task_id, map_index)
WHERE old_state = 'running' AND (state IS DISTINCT FROM 'running' OR change = 'delete');

-- One row: a commit by which a scheduler, or an unknown process, took a task out of RUNNING. `silent_ms`: how long
-- before that the last sign of life had been sent to which the server had answered by then, NULL if there was none. A
-- heartbeat that the server is still working on does not count.
CREATE OR REPLACE VIEW given_up AS
SELECT taken.seq, taken.old_ti_id AS ti_id, taken.committed_ms, sign.op, taken.committed_ms - sign.sent_ms AS silent_ms
FROM (FROM left_running WHERE coalesce(writer_role = 'scheduler', true)) AS taken
ASOF LEFT JOIN (
  -- Not of all tasks: what is joined is sorted.
  FROM signs_of_life
  SEMI JOIN (SELECT old_ti_id AS ti_id FROM left_running WHERE coalesce(writer_role = 'scheduler', true)) USING (ti_id)
) AS sign ON sign.ti_id = taken.old_ti_id AND taken.committed_ms >= sign.accepted_ms;
