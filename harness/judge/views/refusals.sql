-- One row: one kind of refusal (4xx) and how often it was answered.
CREATE VIEW refusals AS
SELECT
  status, kind, coalesce(reason, '') AS reason, coalesce(found_state, '') AS found_state,
  -- Sent before without an answer: what is refused may have been carried out then.
  attempt > 1 AS replay,
  count(*) AS "count", min(ended_ms) AS first_ms, min(op) AS example
FROM operations
WHERE status BETWEEN 400 AND 499
GROUP BY ALL;
