-- One row: a while in which a DAG was paused, or may have been, by an operator's request.
CREATE VIEW pauses AS
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
