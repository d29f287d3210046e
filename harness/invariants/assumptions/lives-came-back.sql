-- claim: Every life that k6 played was reported back completely.

-- judgement
-- What a k6 that died had sent is not in the record: what Airflow did upon it would have no cause.
WITH lost AS (
  SELECT count(*) FILTER (lives."end" = 'lost') AS lost, count(*) AS lives FROM lives
)
SELECT
  lost = 0 AS ok,
  CASE
    WHEN lost = 0 THEN 'None was lost.'
    ELSE format('{:d} of {:d} lives sent no record of what they did.', lost, lives)
  END AS sentence
FROM lost;
