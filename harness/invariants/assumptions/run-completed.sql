-- claim: The run lasted until its planned end, and the database was there all the time.

-- judgement
-- A server that crashes, is restarted by its administrator, has a full disk or cannot be reached says nothing about the
-- build. What came after it does not count: some of it looks like what a build does.
WITH outage AS (
  SELECT count(*) > 0 AS has_been, min(opened_ms) AS opened_ms, arg_min(closed_ms, opened_ms) AS closed_ms,
    arg_min(detail, opened_ms) AS detail
  FROM database_outages
)
SELECT
  coalesce(ended = 'completed', false) AND NOT has_been AS ok,
  CASE
    WHEN ended = 'completed' THEN format('It ended as planned after {}.', seconds(ended_ms))
    WHEN ended = 'interrupted'
      THEN format('It was interrupted after {}.', seconds(coalesce(ended_ms, load_ended_ms, 0)))
    WHEN ended = 'stack-failed' THEN 'The stack under test failed before the end.'
    ELSE 'The harness was killed before the end: what had been written down by then is judged.'
  END || CASE
    WHEN has_been THEN format(' After {} the database was away{} ({}): what came then is no proof.', seconds(opened_ms),
      CASE WHEN closed_ms IS NULL THEN '' ELSE format(' for {}', seconds(closed_ms - opened_ms)) END, detail)
    ELSE ''
  END AS sentence
FROM manifest, outage;
