-- What `role_of` makes of a writer: text. Of a large run it is an ENUM already, made when the run was opened.
CREATE TYPE IF NOT EXISTS process_role AS VARCHAR;

-- One row: a process that wrote, and its role: once, and not for each of its commits.
CREATE OR REPLACE VIEW writer_roles AS
SELECT writer, role_of(writer)::process_role AS writer_role
FROM (SELECT DISTINCT writer FROM commits WHERE writer IS NOT NULL);

-- `task_instance_changes` as it is kept: `moved_from` is its `old_ti_id` where that is another than `ti_id`.
CREATE OR REPLACE VIEW kept_changes AS
WITH gone AS (
  SELECT seq, xid, committed_ms, change, id, old_id, writer, writer_pid, statement
  FROM commits WHERE relation = 'task_instance' AND change = 'delete'
    -- Of a task instance that is deleted the rows of its former tries go, too.
    AND id NOT IN (
      SELECT id FROM commits WHERE relation = 'task_instance' AND change <> 'delete' AND is_of_former_try("row"))
), changes AS (
  SELECT
    seq, xid, committed_ms, change, id, old_id, dag_id, run_id, task_id, map_index, state, try_number, writer,
    writer_pid, CASE WHEN state = 'running' THEN "row" ->> '$.hostname' END AS hostname,
    heartbeats(statement) AS is_heartbeat, takes_back(statement) AS is_taken_back,
    -- The first try is counted when it is scheduled.
    change = 'insert' AND try_number >= 1 AND has_row_a_try("row") AS is_next_try
  FROM commits WHERE relation = 'task_instance' AND change <> 'delete' AND NOT is_of_former_try("row")
  UNION ALL BY NAME
  SELECT gone.* EXCLUDE (statement), last.* EXCLUDE (seq, id), heartbeats(statement) AS is_heartbeat,
    takes_back(statement) AS is_taken_back, false AS is_next_try
  -- Deletes are few, and all changes would be sorted for them.
  FROM gone ASOF JOIN (
    SELECT seq, id, dag_id, run_id, task_id, map_index, try_number
    FROM commits SEMI JOIN gone USING (id) WHERE relation = 'task_instance' AND change <> 'delete'
  ) AS last ON last.id = gone.id AND gone.seq >= last.seq
)
SELECT
  seq, xid, committed_ms,
  CASE WHEN is_next_try AND lag(change) OVER row_history IS DISTINCT FROM 'delete' THEN 'update' ELSE change END
    ::ENUM('insert', 'update', 'delete') AS change, dag_id, run_id, task_id, map_index,
  id AS ti_id,
  nullif(coalesce(old_id, CASE WHEN change <> 'insert' OR (is_next_try AND lag(change) OVER row_history <> 'delete')
    THEN lag(id) OVER row_history END), id) AS moved_from,
  lag(seq) OVER row_history IS NOT NULL OR (change = 'insert' AND NOT is_next_try) AS old_seen,
  lag(state) OVER row_history AS old_state, state,
  lag(try_number) OVER row_history AS old_try_number, try_number,
  lag(committed_ms) OVER row_history AS old_since_ms,
  writer, writer_role, writer_pid, hostname, is_heartbeat, is_taken_back
FROM changes LEFT JOIN writer_roles USING (writer)
WINDOW row_history AS (PARTITION BY dag_id, run_id, task_id, map_index ORDER BY seq);

-- One row: a committed change of a task instance, with the state and the try it had before.
-- A retry or a clear gives the row a new id, so a task instance is followed by dag, run, task and map index; a
-- delete is logged with the id alone and takes these from the last change that had this id. From 3.4 on a retry leaves
-- the row, which is then of a former try, and inserts one for the next: here that is one change, an update with another
-- id, as before, and what becomes of rows of former tries is in `commits` alone. Where `old_seen` is
-- false the record begins here: `old_state` is NULL because it was not recorded, not because the state was none.
-- Of the row and the statement it has only columns that many queries need: all changes are sorted, and a long run has
-- tens of millions. For others, join `commits` by `seq`. `hostname` is that of a running task. What follows from the
-- statement is NULL where none was recorded.
CREATE OR REPLACE VIEW task_instance_changes AS
SELECT * EXCLUDE (moved_from), coalesce(moved_from, CASE WHEN change <> 'insert' THEN ti_id END) AS old_ti_id
FROM kept_changes;

-- One row: a commit by which a scheduler took a task back that had been queued for too long
-- (`_handle_tasks_stuck_in_queued`): its executor was notified, then the task was set to SCHEDULED. The statement
-- identifies it, as schedulers set tasks to SCHEDULED for other reasons, too.
CREATE OR REPLACE VIEW taken_back AS
SELECT seq, committed_ms, writer, old_state FROM task_instance_changes
WHERE state = 'scheduled' AND writer_role = 'scheduler' AND is_taken_back;

-- One row: a commit by which a task that had been deferred or rescheduled was scheduled again. Its next part has the
-- same id and try, so that an executor's news of the part before may be taken for news of this one.
CREATE OR REPLACE VIEW resumptions AS
SELECT seq, committed_ms, ti_id, CASE old_state WHEN 'deferred' THEN 'resumed' ELSE 'rescheduled' END AS again
FROM task_instance_changes
WHERE old_state IN ('deferred', 'up_for_reschedule') AND state = 'scheduled';

-- One row: a worker's report that failed with a database error and that the API server committed as FAILED instead, by
-- its log, under the correlation id of the request.
CREATE OR REPLACE VIEW taken_as_failure AS
SELECT op, ti_id, requested, sent_ms, min(logged.at_ms) AS at_ms
FROM (
  SELECT at_ms, regexp_extract(message, 'correlation_id=([0-9a-f-]+)', 1) AS correlation_id
  FROM server_log WHERE source LIKE 'api-%' AND message LIKE '%Setting the task to failed%'
) AS logged JOIN operations USING (correlation_id)
GROUP BY ALL;

-- One row: a committed change of a DAG run, with the state it had before.
-- A delete is logged with the id alone, so a DAG run is followed by its id, and has its names from the change before.
-- `logical_date` is that of an insert.
CREATE OR REPLACE VIEW dag_run_changes AS
SELECT
  seq, xid, committed_ms, change::ENUM('insert', 'update', 'delete') AS change, id AS dag_run_id,
  coalesce(dag_id, lag(dag_id) OVER run_history) AS dag_id, coalesce(run_id, lag(run_id) OVER run_history) AS run_id,
  lag(seq) OVER run_history IS NOT NULL OR change = 'insert' AS old_seen,
  lag(state) OVER run_history AS old_state,
  state, backfill_id, writer, writer_role, writer_pid, run_type, logical_date
FROM (
  -- What is read of a row is read before all are sorted: a whole row is many times as wide.
  SELECT *, "row" ->> '$.run_type' AS run_type,
    CASE WHEN change = 'insert' THEN "row" ->> '$.logical_date' END AS logical_date
  FROM commits WHERE relation = 'dag_run'
) LEFT JOIN writer_roles USING (writer)
WINDOW run_history AS (PARTITION BY id ORDER BY seq);

-- One row: a time in which a DAG was paused, or may have been, by an operator's request.
CREATE OR REPLACE VIEW pauses AS
SELECT dag_id, sent_ms AS from_ms, coalesce(until_ms, 'infinity') AS until_ms
FROM (
  SELECT
    dag_id, requested, sent_ms,
    -- The unpausing request that was answered first after it.
    min(CASE WHEN requested = 'unpaused' AND outcome = 'ok' THEN ended_ms END)
      OVER (PARTITION BY dag_id ORDER BY sent_ms ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS until_ms
  FROM operations WHERE kind = 'pause' AND outcome <> 'refused'
)
WHERE coalesce(requested, 'paused') = 'paused';
