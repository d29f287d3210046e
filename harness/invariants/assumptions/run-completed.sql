-- claim: The run lasted until its planned end.

-- judgement
SELECT
  coalesce(ended = 'completed', false) AS ok,
  CASE
    WHEN ended = 'completed' THEN format('It ended as planned after {}.', seconds(ended_ms))
    WHEN ended = 'interrupted'
      THEN format('It was interrupted after {}.', seconds(coalesce(ended_ms, load_ended_ms, 0)))
    WHEN ended = 'stack-failed' THEN 'The stack under test failed before the end.'
    ELSE 'The harness was killed before the end: what had been written down by then is judged.'
  END AS sentence
FROM manifest;
