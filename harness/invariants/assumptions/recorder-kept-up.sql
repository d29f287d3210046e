-- claim: Every row of the record was written within a second.

-- judgement
-- A row is written ten times a second. One that is a second old waits for a disk or a processor, and then it is neither
-- sure that a killed harness has lost only a moment, nor that nothing else of the harness waited likewise.
WITH behind AS (
  SELECT max(value) AS most_ms
  FROM samples, load
  WHERE source = 'harness' AND metric = 'recorder_behind_ms' AND at_ms BETWEEN load_started_ms AND load_ended_ms
)
SELECT
  coalesce(most_ms <= 1000, true) AS ok,
  CASE
    WHEN most_ms IS NULL THEN 'How far the recorder was behind was not sampled.'
    ELSE format('The oldest row that was not yet written was {:.0f} ms old (1,000 ms allowed).', most_ms)
  END AS sentence
FROM behind;
