-- One row: what the record can tell, and how far it reaches.
CREATE TABLE record AS
SELECT
  (SELECT count(*) FROM commits) > 0 AS is_there,
  EXISTS (FROM commits WHERE relation = 'xcom') AS has_xcoms,
  EXISTS (FROM commits WHERE statement IS NOT NULL) AS has_statements,
  EXISTS (FROM final_dag) AS has_dags,
  -- How far the commits are whole: to the end of a run that was closed in order, else up to what the server's buffers
  -- may still have held.
  CASE
    WHEN ended IN ('completed', 'interrupted') AND ended_ms IS NOT NULL AND NOT EXISTS (
      FROM server_log WHERE source = 'harness' AND message LIKE 'could not close the commit stream%') THEN ended_ms
    ELSE (SELECT max(committed_ms) FROM commits) - 2000
  END AS until_ms,
  -- From here on nothing was under way any more: see the sample's description. Not believed of a server that something
  -- held up.
  (SELECT min(at_ms) FROM samples WHERE metric = 'api_at_rest' AND value = 1
    AND NOT EXISTS (FROM fault_windows WHERE opened_ms <= at_ms AND coalesce(closed_ms > at_ms, true))) AS at_rest_ms
FROM manifest;
