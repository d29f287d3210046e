-- One row: a committed change of a backfill. `completed` is true on the change that completed it.
CREATE VIEW backfill_changes AS
SELECT
  * EXCLUDE (old_completed_at),
  completed_at IS NOT NULL AND old_completed_at IS NULL AND change <> 'delete' AS completed
FROM (
  SELECT
    seq, xid, committed_ms, change,
    coalesce(backfill_id, try_cast(id AS BIGINT)) AS backfill_id,
    dag_id,
    "row" ->> 'completed_at' AS completed_at,
    lag("row" ->> 'completed_at') OVER (PARTITION BY id ORDER BY seq) AS old_completed_at,
    coalesce(try_cast("row" ->> 'is_paused' AS BOOLEAN), false) AS is_paused,
    writer, role_of(writer) AS writer_role, writer_pid, statement
  FROM commits
  WHERE relation = 'backfill'
);
