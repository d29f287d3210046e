-- claim: The deadlocks that PostgreSQL counted are those that its log names.

-- judgement
-- A stack that the harness did not start may have counted deadlocks before this run: there, the first reading is zero.
WITH counted AS (
  SELECT
    arg_max(value, at_ms)
      - CASE WHEN any_value(manifest.build) = 'target' THEN arg_min(value, at_ms) ELSE 0 END AS deadlocks,
    CASE WHEN any_value(manifest.build) = 'target' THEN min(at_ms) ELSE '-infinity'::DOUBLE END AS since_ms
  FROM samples, manifest WHERE metric = 'deadlocks'
), named AS (
  SELECT count(*) AS deadlocks FROM deadlocks, counted WHERE deadlocks.at_ms >= coalesce(counted.since_ms, 0)
)
SELECT
  counted.deadlocks = named.deadlocks AS ok,
  CASE
    WHEN counted.deadlocks IS NULL THEN 'PostgreSQL''s count of deadlocks was not read.'
    ELSE format('PostgreSQL counted {:d}, its log names {:d}.', counted.deadlocks::BIGINT, named.deadlocks)
  END AS sentence
FROM counted, named;
