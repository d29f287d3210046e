-- One row: a committed change that a request may have made, and its `key`: the kind of request, its target and, where
-- the row has it, the sender. `carried_out` joins requests and effects by it.
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
SELECT concat_ws('|', 'state', old_ti_id, state) AS key, seq, xid, committed_ms
FROM execution WHERE old_state IS DISTINCT FROM state AND state <> 'running'
UNION ALL
-- A report that the server failed to carry out, and committed as the task's failure.
SELECT concat_ws('|', 'instead', old_ti_id), seq, xid, committed_ms
FROM execution WHERE old_state = 'running' AND state = 'failed'
UNION ALL
SELECT concat_ws('|', 'run', ti_id, hostname), seq, xid, committed_ms
FROM execution WHERE state = 'running' AND NOT is_heartbeat
  AND (old_state IS DISTINCT FROM 'running' OR is_known)
UNION ALL
SELECT concat_ws('|', 'heartbeat', ti_id), seq, xid, committed_ms
FROM execution WHERE state = 'running' AND is_heartbeat
UNION ALL
SELECT concat_ws('|', 'skip', dag_id, run_id, task_id), seq, xid, committed_ms FROM execution WHERE state = 'skipped'
UNION ALL
SELECT concat_ws('|', 'rtif', dag_id, run_id, task_id, map_index, field_of("row" -> '$.rendered_fields')),
  seq, xid, committed_ms
FROM rows_of_runs WHERE relation = 'rendered_task_instance_fields' AND change <> 'delete'
UNION ALL
-- The value may be a string with JSON in it; ours is `life` and its number.
SELECT concat_ws('|', 'xcom', dag_id, run_id, task_id, map_index, "row" ->> '$.key',
    regexp_extract("row" ->> '$.value', 'life \d+')), seq, xid, committed_ms
FROM rows_of_runs WHERE relation = 'xcom' AND change <> 'delete'
UNION ALL
SELECT concat_ws('|', 'xcom gone', runs.dag_id, runs.run_id, gone.task_id, gone.map_index, "row" ->> '$.key'),
  seq, xid, committed_ms
FROM (SELECT * FROM rows_of_runs WHERE relation = 'xcom' AND change = 'delete') AS gone
JOIN xcom_runs AS runs ON runs.dag_run_id = (gone."row" ->> '$.dag_run_id')
UNION ALL
SELECT concat_ws('|', 'trigger', dag_id), seq, xid, committed_ms
FROM dag_run_changes
WHERE change = 'insert' AND backfill_id IS NULL AND coalesce(writer_role, 'api-core') LIKE 'api-%'
  AND coalesce(("row" ->> '$.run_type') = 'manual', true)
UNION ALL
SELECT concat_ws('|', 'clear', dag_id, run_id, task_id), seq, xid, committed_ms
FROM public WHERE ti_id <> old_ti_id
  -- A worker's report gives the row a new id, too, but not there.
  AND coalesce(state, '') <> 'up_for_retry'
UNION ALL
SELECT concat_ws('|', 'mark', dag_id, run_id, task_id, state), seq, xid, committed_ms
FROM public WHERE old_state IS DISTINCT FROM state
UNION ALL
SELECT concat_ws('|', 'bulk', dag_id, run_id, task_id), seq, xid, committed_ms
FROM public WHERE old_state IS DISTINCT FROM state
UNION ALL
-- A whole run is marked, or deleted.
SELECT CASE WHEN change = 'delete' THEN concat_ws('|', 'delete', dag_id, run_id)
    ELSE concat_ws('|', 'mark', dag_id, run_id, state) END, seq, xid, committed_ms
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
WITH requests AS (
  SELECT op, kind LIKE 'impostor%' AS is_impostor, outcome = 'ok' AS is_ok, sent_ms,
    -- The server has finished a request that it has answered. For others the time is unknown.
    CASE WHEN status IS NOT NULL OR cause = 'answer-dropped' THEN ended_ms + late_commit_ms()
      ELSE sent_ms + abandoned_request_ms() END AS until_ms,
    CASE kind
      WHEN 'state' THEN [concat_ws('|', 'state', ti_id, requested)]
        || CASE WHEN outcome = 'unknown' AND requested <> 'failed' THEN [concat_ws('|', 'instead', ti_id)] ELSE [] END
      WHEN 'run' THEN [concat_ws('|', 'run', ti_id, worker)]
      WHEN 'impostor_run' THEN [concat_ws('|', 'run', ti_id, worker)]
      WHEN 'heartbeat' THEN [concat_ws('|', 'heartbeat', ti_id)]
      WHEN 'impostor_heartbeat' THEN [concat_ws('|', 'heartbeat', ti_id)]
      WHEN 'rtif' THEN [concat_ws('|', 'rtif', dag_id, run_id, task_id, map_index, field_of(requested::JSON))]
      WHEN 'skip_downstream' THEN list_transform(string_split(trim(target), ' '),
        task -> concat_ws('|', 'skip', dag_id, run_id, task))
      WHEN 'xcom_push' THEN [concat_ws('|', 'xcom', dag_id, run_id, task_id, map_index, target, requested)]
      WHEN 'xcom_clear' THEN [concat_ws('|', 'xcom gone', dag_id, run_id, task_id, map_index, target)]
      WHEN 'trigger' THEN [concat_ws('|', 'trigger', dag_id)]
      WHEN 'clear' THEN [concat_ws('|', 'clear', dag_id, run_id, task_id)]
      WHEN 'mark' THEN [concat_ws('|', 'mark', dag_id, run_id, task_id, requested)]
      WHEN 'bulk' THEN list_transform(string_split(trim(target), ' '),
        task -> concat_ws('|', 'bulk', dag_id, run_id, task))
      WHEN 'delete' THEN [concat_ws('|', 'delete', dag_id, run_id)]
    END AS keys
  FROM operations
  -- 200 instead of 204 is the answer to a replay, which changes nothing (3.3).
  WHERE outcome <> 'refused' AND NOT (kind = 'state' AND coalesce(status = 200, false) AND outcome = 'ok'
    AND EXISTS (FROM operations AS other WHERE other.kind = 'state' AND other.status = 204))
), timed AS (
  -- Keys are long and a long run has tens of millions of them: their hashes do. By the minute: a task that runs for
  -- hours has as many heartbeats, all with one key.
  SELECT * EXCLUDE (minutes), unnest(minutes) AS minute
  FROM (
    SELECT * EXCLUDE (keys), unnest(keys) LIKE 'instead|%' AS as_failed, hash(unnest(keys)) AS key,
      range(floor((sent_ms - clock_tolerance_ms()) / 60000)::BIGINT, floor(until_ms / 60000)::BIGINT + 1) AS minutes
    FROM requests
  )
), changes AS (
  SELECT hash(key) AS key, floor(committed_ms / 60000)::BIGINT AS minute, seq, xid, committed_ms FROM effects
)
SELECT op, key, is_impostor, is_ok, as_failed, sent_ms, seq, changes.xid, committed_ms
FROM timed JOIN changes USING (key, minute)
WHERE committed_ms BETWEEN sent_ms - clock_tolerance_ms() AND until_ms;

CREATE OR REPLACE TABLE answered AS
SELECT op, key, max(seq) AS seq FROM candidates WHERE is_ok GROUP BY op, key;

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
), matched AS (
  FROM answered
  UNION ALL SELECT op, key, seq FROM first_round
  UNION ALL SELECT op, key, seq FROM second_round
)
SELECT op, seq, any_value(xid) AS xid, any_value(committed_ms) AS committed_ms, bool_or(as_failed) AS as_failed
FROM matched JOIN candidates USING (op, key, seq)
GROUP BY op, seq
UNION ALL
SELECT post, created_seq, commits.xid, created_ms, false
FROM backfill_lives JOIN commits ON commits.seq = created_seq WHERE post IS NOT NULL;

DROP TABLE answered;
DROP TABLE candidates;
