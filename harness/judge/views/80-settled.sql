-- One row: a request without a 2xx or 4xx answer, and its effect: `took effect`, `did not`, or `open`.
-- `seq` is the commit that proves it; `how` says it in words, and why an open one is open.
CREATE OR REPLACE TABLE settled AS
WITH patience AS (
  -- Where the servers were not seen quiescent: no request of this run took effect later after it was sent than the
  -- longest here; we wait twice as long, and at least 30 s, six times the client's time-out. A longer wait for a
  -- lock violates locks-are-brief.
  SELECT greatest(30000, 2 * coalesce(max(committed_ms - sent_ms), 0)) AS bound_ms
  FROM carried_out JOIN operations USING (op) WHERE kind <> 'backfill'
), proof AS (
  SELECT op, arg_min(seq, (committed_ms, seq)) AS seq, min(committed_ms) AS committed_ms,
    bool_and(as_failed) AS as_failed
  FROM carried_out SEMI JOIN (FROM operations WHERE outcome = 'unknown') AS asked USING (op) GROUP BY op
), unknown AS (
  SELECT operations.*, proof.seq, proof.committed_ms, proof.as_failed, victims.at_ms AS deadlocked_ms,
    victims.xid AS deadlocked_xid, try_cast(final_dag.is_paused AS BOOLEAN) AS is_paused,
    status IS NOT NULL OR cause = 'answer-dropped' AS was_answered
  FROM operations
  LEFT JOIN proof USING (op)
  LEFT JOIN (SELECT operation AS op, min(at_ms) AS at_ms, arg_min(xid, (at_ms, xid)) AS xid
    FROM dossiers WHERE operation IS NOT NULL GROUP BY ALL) AS victims USING (op)
  LEFT JOIN (SELECT DISTINCT dag_id FROM pauses WHERE until_ms < 'infinity') AS undone USING (dag_id)
  -- If a DAG was unpaused, too, its final state does not show the effect of either request.
  LEFT JOIN final_dag ON operations.kind = 'pause' AND final_dag.dag_id = operations.dag_id
    AND undone.dag_id IS NULL
  WHERE outcome = 'unknown'
), judged AS (
  SELECT *,
    -- When the server had certainly finished it; NULL where that is unknown.
    CASE
      WHEN was_answered THEN ended_ms + late_commit_ms()
      WHEN quiescent_ms >= coalesce(ended_ms, sent_ms) THEN quiescent_ms
      ELSE sent_ms + bound_ms
    END AS over_ms,
    CASE
      WHEN NOT is_there THEN 'the commits were not recorded'
      WHEN kind = 'pool' OR (kind = 'pause' AND is_paused IS NULL) THEN 'the rows that it changes are not recorded'
      WHEN kind LIKE 'xcom_%' AND NOT has_xcoms THEN 'no rows of xcom were recorded'
      WHEN kind LIKE 'xcom_%' AND target IS NULL THEN 'the key of the XCom was not recorded'
      WHEN kind LIKE '%heartbeat' AND NOT has_statements
        THEN 'a heartbeat shows only in statements, which were not recorded'
    END AS blind
  FROM unknown, record, patience
)
SELECT
  op,
  CASE
    WHEN seq IS NOT NULL OR is_paused THEN 'took effect'
    WHEN deadlocked_ms IS NOT NULL THEN 'did not'
    WHEN blind IS NULL AND over_ms <= until_ms THEN 'did not'
    ELSE 'open'
  END AS settled,
  seq,
  CASE
    WHEN as_failed THEN format('committed {} after it was sent, as FAILED', seconds(committed_ms - sent_ms))
    WHEN seq IS NOT NULL THEN format('committed {} after it was sent', seconds(committed_ms - sent_ms))
    WHEN is_paused THEN 'the DAG is paused in the end'
    WHEN deadlocked_ms IS NOT NULL THEN
      format('PostgreSQL rolled transaction {} back to end a deadlock', coalesce(deadlocked_xid::VARCHAR, '(unnamed)'))
    WHEN blind IS NOT NULL THEN blind
    WHEN over_ms > until_ms OR over_ms IS NULL THEN
      format('the record ends {} after it was sent, and it might have been carried out later',
        seconds(until_ms - sent_ms))
    WHEN was_answered THEN 'it was answered, and nothing of it was committed'
    WHEN over_ms = quiescent_ms THEN 'nothing of it was committed until the API servers had nothing left to do'
    ELSE format('nothing of it was committed within {}', seconds(bound_ms))
  END AS how
FROM judged;
