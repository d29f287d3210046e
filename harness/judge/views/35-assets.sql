-- One row: an event of an asset, committed. The task that made it; NULL if it was posted.
CREATE OR REPLACE VIEW asset_events AS
SELECT seq, xid, committed_ms, id AS event_id, asset_id, name AS asset, dag_id, run_id, task_id, map_index, writer
FROM (SELECT *, "row" ->> 'asset_id' AS asset_id FROM commits WHERE relation = 'asset_event' AND change = 'insert')
JOIN (
  SELECT id AS asset_id, any_value("row" ->> 'name') AS name
  FROM commits WHERE relation = 'asset' AND change <> 'delete' GROUP BY id
) AS assets USING (asset_id);

-- One row: an event that a run of a DAG has consumed.
CREATE OR REPLACE VIEW consumed_events AS
SELECT used.*, dag_id, run_id
FROM (
  SELECT seq, xid, committed_ms, writer, "row" ->> 'event_id' AS event_id, "row" ->> 'dag_run_id' AS dag_run_id
  FROM commits WHERE relation = 'dagrun_asset_event' AND change = 'insert'
) AS used
JOIN (SELECT DISTINCT dag_run_id::VARCHAR AS dag_run_id, dag_id, run_id FROM dag_run_changes WHERE change = 'insert')
  AS runs USING (dag_run_id);

-- One row: an event, and a DAG that was to have a run because of it.
CREATE OR REPLACE VIEW awaited_events AS
SELECT asset_events.* EXCLUDE (dag_id, run_id, task_id, map_index), asset_events.dag_id AS source_dag_id,
  consumer.dag_id AS dag_id, waits_for, max_active_runs
FROM asset_events JOIN (
  SELECT dag_id, waits_for, max_active_runs, unnest(assets) AS asset FROM plan_dags WHERE assets IS NOT NULL
) AS consumer USING (asset);

-- One row: a change of what is queued for a DAG because of an asset, or, from 3.4 on, because of an event. `key` says
-- of which.
CREATE OR REPLACE VIEW queue_changes AS
SELECT seq, xid, committed_ms, change, dag_id, writer,
  coalesce('event ' || ("row" ->> 'asset_event_id'), 'asset ' || ("row" ->> 'asset_id')) AS key
FROM commits WHERE relation = 'asset_dag_run_queue';
