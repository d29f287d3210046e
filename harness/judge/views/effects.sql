-- One row: a committed change that a request may have made, and the `key` by which it is known: what the request asked
-- for, of what, and where the row says so, by whom. `carried_out` lays requests and effects side by side.
CREATE VIEW effects AS
WITH execution AS (
  -- Without writers, what no scheduler and no operator does; a heartbeat changes nothing that could be seen then.
  SELECT * REPLACE (coalesce(is_heartbeat, false) AS is_heartbeat), is_heartbeat IS NOT NULL AS is_told FROM task_instance_changes
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
-- A report that the server failed to carry out, and took as the task's failure.
SELECT concat_ws('|', 'instead', old_ti_id), seq, xid, committed_ms
FROM execution WHERE old_state = 'running' AND state = 'failed'
UNION ALL
SELECT concat_ws('|', 'run', ti_id, hostname), seq, xid, committed_ms
FROM execution WHERE state = 'running' AND NOT is_heartbeat
  AND (old_state IS DISTINCT FROM 'running' OR is_told)
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
