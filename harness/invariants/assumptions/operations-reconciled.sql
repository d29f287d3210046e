-- claim: Every request that the fleet sent, and every workload that it was given, is in the record.

-- judgement
-- A reading and a request at the same moment have no order: what was sent within 100 ms of it may be counted or not.
WITH reading AS (
  SELECT max(at_ms) AS at_ms, arg_max(value, at_ms)::BIGINT AS sent
  FROM samples WHERE source = 'fleet' AND metric = 'sent'
), recorded_then AS (
  SELECT
    count(*) FILTER (operations.sent_ms <= reading.at_ms - 100) AS at_least,
    count(*) FILTER (operations.sent_ms <= reading.at_ms + 100) AS at_most
  FROM reading LEFT JOIN operations ON true
), handed AS (
  SELECT max(at_ms) AS at_ms, arg_max(value, at_ms)::BIGINT AS workloads
  FROM samples WHERE source = 'fleet' AND metric = 'handed'
), lived AS (
  -- A life is recorded when it ends, so this is known only of a run that ended as planned.
  SELECT
    count(*) FILTER (lives.handed_ms <= handed.at_ms - 100) AS at_least,
    count(*) FILTER (lives.handed_ms <= handed.at_ms + 100) AS at_most
  FROM handed LEFT JOIN lives ON true
), judged AS (
  SELECT
    sent, recorded_then.at_least AS recorded, sent BETWEEN recorded_then.at_least AND recorded_then.at_most AS all_sent,
    workloads, lived.at_most AS lives,
    ended IS DISTINCT FROM 'completed' OR workloads IS NULL
      OR workloads BETWEEN lived.at_least AND lived.at_most AS all_lived
  FROM reading, recorded_then, handed, lived, manifest
)
SELECT
  CASE WHEN sent IS NULL THEN NULL ELSE all_sent AND all_lived END AS ok,
  CASE
    WHEN sent IS NULL THEN 'The fleet did not count what it sent.'
    WHEN NOT all_sent THEN format('{:d} requests were sent and {:d} are recorded.', sent, recorded)
    WHEN NOT all_lived THEN format('{:d} workloads were handed over and {:d} lives ended.', workloads, lives)
    ELSE format('All {:d} requests sent are recorded.', sent)
  END AS sentence
FROM judged;
