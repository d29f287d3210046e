-- One row: a committed change that a request may have made, and its `key`: a hash of the kind of request, its target
-- and, where the row has it, the sender. `carried_out` joins requests and effects by it. It is made of text: a name
-- that is an ENUM has another hash.
CREATE OR REPLACE VIEW effects AS
WITH execution AS (
  -- Without writers, what no scheduler and no operator does; a heartbeat changes nothing that could be seen then.
  SELECT * REPLACE (coalesce(is_heartbeat, false) AS is_heartbeat), is_heartbeat IS NOT NULL AS is_known
  FROM task_instance_changes
  WHERE change = 'update' AND coalesce(writer_role, 'api-execution') = 'api-execution'
), public AS (
  -- Public API and Execution API may be one server.
  SELECT * FROM task_instance_changes WHERE change = 'update' AND coalesce(writer_role, 'api-core') LIKE 'api-%'
), rows_of_runs AS (
  SELECT * FROM commits WHERE relation IN ('rendered_task_instance_fields', 'xcom')
), xcom_runs AS (
  -- A deleted row is logged with its key alone.
  SELECT DISTINCT dag_run_id, dag_id, run_id FROM dag_run_changes WHERE run_id IS NOT NULL
)
SELECT hash('state', old_ti_id, state::VARCHAR) AS key, seq, xid, committed_ms
FROM execution WHERE old_state IS DISTINCT FROM state AND state <> 'running'
UNION ALL
-- A report that the server failed to carry out, and committed as the task's failure.
SELECT hash('instead', old_ti_id), seq, xid, committed_ms
FROM execution WHERE old_state = 'running' AND state = 'failed'
UNION ALL
SELECT hash('run', ti_id, hostname), seq, xid, committed_ms
FROM execution WHERE state = 'running' AND NOT is_heartbeat
  AND (old_state IS DISTINCT FROM 'running' OR is_known)
UNION ALL
SELECT hash('heartbeat', ti_id), seq, xid, committed_ms
FROM execution WHERE state = 'running' AND is_heartbeat
UNION ALL
SELECT hash('skip', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR), seq, xid, committed_ms
FROM execution WHERE state = 'skipped'
UNION ALL
SELECT hash('rtif', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR, map_index,
    field_of("row" -> '$.rendered_fields')), seq, xid, committed_ms
FROM rows_of_runs WHERE relation = 'rendered_task_instance_fields' AND change <> 'delete'
UNION ALL
-- The value may be a string with JSON in it; a result of ours is `life` and its number.
SELECT hash('xcom', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR, map_index, "row" ->> '$.key',
    coalesce(nullif(regexp_extract("row" ->> '$.value', 'life \d+'), ''), trim("row" ->> '$.value', '"\'))),
  seq, xid, committed_ms
FROM rows_of_runs WHERE relation = 'xcom' AND change <> 'delete'
UNION ALL
SELECT hash('xcom gone', runs.dag_id::VARCHAR, runs.run_id::VARCHAR, gone.task_id::VARCHAR, gone.map_index,
    "row" ->> '$.key'), seq, xid, committed_ms
FROM (SELECT * FROM rows_of_runs WHERE relation = 'xcom' AND change = 'delete') AS gone
JOIN xcom_runs AS runs ON runs.dag_run_id = (gone."row" ->> '$.dag_run_id')
UNION ALL
-- A row that belongs to a try is deleted by its id.
SELECT hash('xcom gone', pushed.dag_id, pushed.run_id, pushed.task_id, pushed.map_index, pushed.key),
  gone.seq, gone.xid, gone.committed_ms
FROM (SELECT * FROM rows_of_runs WHERE relation = 'xcom' AND change = 'delete' AND id IS NOT NULL) AS gone
JOIN (
  SELECT DISTINCT id, dag_id::VARCHAR AS dag_id, run_id::VARCHAR AS run_id, task_id::VARCHAR AS task_id, map_index,
    "row" ->> '$.key' AS key
  FROM rows_of_runs WHERE relation = 'xcom' AND change <> 'delete'
) AS pushed USING (id)
UNION ALL
-- Who triggers a run by the public API learns its name from the answer; a task of ours gives the name.
SELECT CASE WHEN name IS NULL THEN hash('trigger', dag_id::VARCHAR) ELSE hash('trigger_run', name) END,
  seq, xid, committed_ms
FROM dag_run_changes LEFT JOIN (
  SELECT DISTINCT target AS name FROM operations WHERE kind = 'trigger_run'
) AS named ON name = dag_id::VARCHAR || '/' || run_id::VARCHAR
WHERE change = 'insert' AND backfill_id IS NULL AND coalesce(writer_role, 'api-core') LIKE 'api-%'
  AND coalesce(run_type = 'manual' OR name IS NOT NULL, true)
UNION ALL
SELECT hash('clear', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR), seq, xid, committed_ms
FROM public WHERE ti_id <> old_ti_id
  -- A worker's report gives the row a new id, too, but not there.
  AND coalesce(state, '') <> 'up_for_retry'
UNION ALL
SELECT hash('mark', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR, state::VARCHAR), seq, xid, committed_ms
FROM public WHERE old_state IS DISTINCT FROM state
UNION ALL
SELECT hash('bulk', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR), seq, xid, committed_ms
FROM public WHERE old_state IS DISTINCT FROM state
UNION ALL
-- A whole run is marked, or deleted.
SELECT CASE WHEN change = 'delete' THEN hash('delete', dag_id::VARCHAR, run_id::VARCHAR)
    ELSE hash('mark', dag_id::VARCHAR, run_id::VARCHAR, NULL::VARCHAR, state::VARCHAR) END, seq, xid, committed_ms
FROM dag_run_changes
WHERE coalesce(writer_role, 'api-core') LIKE 'api-%'
  AND (change = 'delete' OR (change = 'update' AND old_state IS DISTINCT FROM state));

-- One row: what the record contains, and how far it reaches.
CREATE OR REPLACE TABLE record AS
SELECT
  (SELECT count(*) FROM commits) > 0 AS is_there,
  EXISTS (FROM commits WHERE relation = 'xcom') AS has_xcoms,
  EXISTS (FROM commits WHERE statement IS NOT NULL) AS has_statements,
  EXISTS (FROM final_dag) AS has_dags,
  -- Until when the commits are complete: to the end of a run that was closed in order, else to what the server's
  -- buffers may still have held.
  CASE
    WHEN ended IN ('completed', 'interrupted') AND ended_ms IS NOT NULL AND NOT EXISTS (
      FROM server_log WHERE source = 'harness' AND message LIKE 'could not close the commit stream%') THEN ended_ms
    ELSE (SELECT max(committed_ms) FROM commits) - stream_tail_ms()
  END AS until_ms,
  -- From here on no request was open any more: see the sample's description. Ignored while a fault was open, which may
  -- have stopped a server.
  (SELECT min(at_ms) FROM samples WHERE metric = 'api_quiescent' AND value = 1
    AND NOT EXISTS (FROM fault_windows WHERE opened_ms <= at_ms AND coalesce(closed_ms > at_ms, true))) AS quiescent_ms
FROM manifest;

-- One row: a request and a committed change that it made. A skip-downstream has one for each task that it skipped.
-- A change belongs to one request. Requests that were answered 2xx choose first, the change nearest to their answer;
-- then those without an answer, the one sent first before the others, as the server takes them. Which of two
-- heartbeats without an answer it was makes no difference: their statements are the same. An impostor comes last: what
-- the owner's own requests explain proves nothing against the server.
CREATE OR REPLACE TABLE candidates AS
WITH requests AS NOT MATERIALIZED (
  SELECT *, kind LIKE 'impostor%' AS is_impostor, outcome = 'ok' AS is_ok,
    -- The server has finished a request that it has answered. For others the time is unknown.
    CASE WHEN status IS NOT NULL OR cause = 'answer-dropped' THEN ended_ms + late_commit_ms()
      ELSE sent_ms + abandoned_request_ms() END AS until_ms
  FROM operations
  -- 200 instead of 204 is the answer to a replay, which changes nothing (3.3).
  WHERE outcome <> 'refused' AND NOT (kind = 'state' AND coalesce(status = 200, false) AND outcome = 'ok'
    AND EXISTS (FROM operations AS other WHERE other.kind = 'state' AND other.status = 204))
), several AS (
  SELECT *, unnest(string_split(trim(target), ' ')) AS task
  FROM requests WHERE kind IN ('skip_downstream', 'bulk')
), keyed AS (
  SELECT op, is_impostor, is_ok, false AS as_failed, sent_ms, until_ms,
    CASE kind
      WHEN 'state' THEN hash('state', ti_id, requested)
      WHEN 'run' THEN hash('run', ti_id, worker)
      WHEN 'impostor_run' THEN hash('run', ti_id, worker)
      WHEN 'heartbeat' THEN hash('heartbeat', ti_id)
      WHEN 'impostor_heartbeat' THEN hash('heartbeat', ti_id)
      WHEN 'rtif' THEN hash('rtif', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR, map_index,
        field_of(requested::JSON))
      WHEN 'xcom_push' THEN hash('xcom', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR, map_index, target,
        requested)
      WHEN 'xcom_clear' THEN hash('xcom gone', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR, map_index, target)
      WHEN 'trigger' THEN hash('trigger', dag_id::VARCHAR)
      WHEN 'trigger_run' THEN hash('trigger_run', target)
      WHEN 'clear' THEN hash('clear', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR)
      WHEN 'mark' THEN hash('mark', dag_id::VARCHAR, run_id::VARCHAR, task_id::VARCHAR, requested)
      WHEN 'delete' THEN hash('delete', dag_id::VARCHAR, run_id::VARCHAR)
    END AS key
  FROM requests
  WHERE kind NOT IN ('skip_downstream', 'bulk')
  UNION ALL
  SELECT op, is_impostor, is_ok, true, sent_ms, until_ms, hash('instead', ti_id)
  FROM requests WHERE kind = 'state' AND outcome = 'unknown' AND requested <> 'failed'
  UNION ALL
  SELECT op, is_impostor, is_ok, false, sent_ms, until_ms,
    hash(CASE kind WHEN 'bulk' THEN 'bulk' ELSE 'skip' END, dag_id::VARCHAR, run_id::VARCHAR, task)
  FROM several
), timed AS (
  SELECT *, floor((sent_ms - clock_tolerance_ms()) / 60000)::BIGINT AS first_minute,
    floor(until_ms / 60000)::BIGINT AS last_minute
  FROM keyed WHERE key IS NOT NULL
), by_minute AS (
  -- By the minute: a task that runs for hours has as many heartbeats, all with one key.
  SELECT * EXCLUDE (last_minute) RENAME (first_minute AS minute) FROM timed
  UNION ALL BY NAME
  SELECT * EXCLUDE (first_minute, last_minute), unnest(range(first_minute + 1, last_minute + 1)) AS minute
  FROM timed WHERE last_minute > first_minute
), changes AS (
  SELECT key, floor(committed_ms / 60000)::BIGINT AS minute, seq, xid, committed_ms FROM effects
)
SELECT op, key, is_impostor, is_ok, as_failed, sent_ms, seq, changes.xid, committed_ms
FROM by_minute JOIN changes USING (key, minute)
WHERE committed_ms BETWEEN sent_ms - clock_tolerance_ms() AND until_ms;

CREATE OR REPLACE TABLE answered AS
SELECT op, max(seq) AS seq, arg_max(xid, seq) AS xid, arg_max(committed_ms, seq) AS committed_ms
FROM candidates WHERE is_ok GROUP BY op, key;

CREATE OR REPLACE TABLE carried_out AS
WITH waiting AS (
  SELECT * FROM candidates ANTI JOIN answered USING (seq) WHERE NOT is_ok
), first_round AS (
  SELECT * FROM (
    SELECT * FROM waiting QUALIFY row_number() OVER (PARTITION BY seq ORDER BY is_impostor, sent_ms, op) = 1
  ) QUALIFY row_number() OVER (PARTITION BY op, key ORDER BY seq) = 1
), second_round AS (
  SELECT * FROM (
    SELECT * FROM waiting ANTI JOIN first_round USING (seq) ANTI JOIN first_round AS served USING (op, key)
    QUALIFY row_number() OVER (PARTITION BY seq ORDER BY is_impostor, sent_ms, op) = 1
  ) QUALIFY row_number() OVER (PARTITION BY op, key ORDER BY seq) = 1
)
SELECT op, seq, xid, committed_ms, false AS as_failed FROM answered
UNION ALL
SELECT op, seq, any_value(xid), any_value(committed_ms), bool_or(as_failed)
FROM (FROM first_round UNION ALL FROM second_round)
GROUP BY op, seq
UNION ALL
SELECT post, created_seq, commits.xid, created_ms, false
FROM backfill_lives JOIN commits ON commits.seq = created_seq WHERE post IS NOT NULL;

DROP TABLE answered;
DROP TABLE candidates;
