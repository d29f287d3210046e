-- claim: Nothing was left out of the record.

-- judgement
-- Where something was, invariants that read that table are in doubt: see the view gaps.
SELECT
  count(*) = 0 AS ok,
  CASE
    WHEN count(*) = 0 THEN 'No log, no transaction and no table was left out.'
    ELSE string_agg(format('After {}: {}.', seconds(at_ms), sentence), ' ' ORDER BY at_ms, sentence)
  END AS sentence
FROM gaps;
