-- claim: The times of PostgreSQL, and of a k6 elsewhere, are known on the run's clock.

-- judgement
-- Each clock is read with its round trip, and what fits all readings is subtracted from its times. A run of before the
-- clocks were read has no readings, and is judged as it always was. While this does not hold, violations of invariants
-- that read times of PostgreSQL do not count.
WITH clocks AS (
  SELECT CASE source WHEN 'postgres' THEN 'the database' ELSE source END AS "owner",
    arg_max(offset_ms, abs(offset_ms)) AS offset_ms, max(uncertainty_ms) AS uncertainty_ms
  FROM clock_stretches GROUP BY source
), known AS (
  SELECT string_agg(
      CASE
        WHEN offset_ms = 0
          THEN format('The clock of {} agreed with the run''s to {:.0f} ms.', "owner", uncertainty_ms)
        ELSE format('The clock of {} was {} {}, known to {:.0f} ms: its times are corrected.', "owner",
          seconds(abs(offset_ms)), CASE WHEN offset_ms > 0 THEN 'ahead' ELSE 'behind' END, uncertainty_ms)
      END, ' ' ORDER BY "owner") AS sentence
  FROM clocks
), doubt AS (
  SELECT string_agg(sentence, ' ' ORDER BY "owner") AS sentence FROM clocks_in_doubt
)
SELECT
  doubt.sentence IS NULL AS ok,
  coalesce(doubt.sentence, known.sentence, 'The clock of the database was not read.') AS sentence
FROM known, doubt;
