-- One row: a committed change of a DAG run, with the state it had before.
-- A delete is logged with the id alone, so a DAG run is followed by its id, and has its names from the change before.
CREATE VIEW dag_run_changes AS
SELECT
  seq, xid, committed_ms, change, id AS dag_run_id,
  coalesce(dag_id, lag(dag_id) OVER row_history) AS dag_id, coalesce(run_id, lag(run_id) OVER row_history) AS run_id,
  lag(seq) OVER row_history IS NOT NULL OR change = 'insert' AS old_seen,
  lag(state) OVER row_history AS old_state,
  state, backfill_id, writer, role_of(writer) AS writer_role, writer_pid, statement, "row"
FROM commits
WHERE relation = 'dag_run'
WINDOW row_history AS (PARTITION BY id ORDER BY seq);
