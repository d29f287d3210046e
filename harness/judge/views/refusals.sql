-- One row: one kind of refusal (4xx) and how often it was answered.
CREATE VIEW refusals AS
SELECT
  status, kind, coalesce(reason, '') AS reason, coalesce(found_state, '') AS found_state,
  count(*) AS "count", min(ended_ms) AS first_ms, min(op) AS example
FROM operations
WHERE status BETWEEN 400 AND 499
GROUP BY ALL;
