-- claim: PostgreSQL counted no deadlock that its log does not name.

-- judgement
-- The log may name more: a backend adds to the counter when it is next idle, up to ten seconds after the deadlock, and
-- the run may have ended by then.
WITH counted AS (
  SELECT max(value) AS deadlocks FROM samples WHERE metric = 'deadlocks'
), named AS (
  SELECT count(*) AS deadlocks FROM logged_deadlocks
), explained AS (
  -- A deadlock of which a side stays dark is named all the same: that is a gap of ours, and is printed.
  SELECT count(*) FILTER (is_explained) AS deadlocks FROM dossiers
)
SELECT
  counted.deadlocks <= named.deadlocks AS ok,
  CASE
    WHEN counted.deadlocks IS NULL THEN 'PostgreSQL''s count of deadlocks was not read.'
    ELSE format('PostgreSQL counted {:d}, its log names {:d}', counted.deadlocks::BIGINT, named.deadlocks)
      || CASE
        WHEN named.deadlocks = 0 THEN '.'
        WHEN explained.deadlocks = named.deadlocks THEN '; every side of each is explained.'
        ELSE format('; for {:d} of them a side is not explained.', named.deadlocks - explained.deadlocks)
      END
  END AS sentence
FROM counted, named, explained;
