-- claim: The recorded commits include everything that the server acknowledged.

-- judgement
-- 99 %: a stream that lost a piece lacks far more. A report that met an error in the database may be accepted and
-- committed as FAILED (see acknowledged-is-durable): that commit is there, too. A report that is sent again, because
-- its first answer was lost, changes nothing if it was carried out: no commit follows it.
WITH stream AS (
  SELECT max(committed_ms) AS last_ms, count(*) AS commits FROM commits
), lag AS (
  SELECT arg_max(value, at_ms) AS last_lag_ms FROM samples WHERE metric = 'commit_lag_ms'
), reports AS (
  SELECT ti_id, requested, sent_ms, ended_ms, attempt FROM operations
  -- That a worker has stopped (from 3.4 on) is no state to be reached.
  WHERE kind = 'state' AND outcome = 'ok' AND requested <> 'server_terminated'
), reached AS (
  -- The change that reached it is enough: the row had another state before, or another id.
  SELECT old_ti_id AS ti_id, state FROM task_instance_changes
  WHERE (state IS DISTINCT FROM old_state OR ti_id IS DISTINCT FROM old_ti_id)
    AND state IN (SELECT requested FROM reports)
  UNION
  SELECT ti_id, state FROM task_instance_changes
  WHERE (state IS DISTINCT FROM old_state OR ti_id IS DISTINCT FROM old_ti_id)
    AND state IN (SELECT requested FROM reports)
), failed AS (
  SELECT DISTINCT old_ti_id AS ti_id FROM task_instance_changes
  WHERE state = 'failed' AND old_state = 'running' AND writer_role = 'api-execution'
), matched AS (
  SELECT
    max(reports.sent_ms) FILTER (reports.attempt = 1) AS last_report_ms,
    count(*) FILTER (reports.ended_ms <= last_ms - stream_tail_ms()) AS wanted,
    count(*) FILTER (reports.ended_ms <= last_ms - stream_tail_ms()
      AND (reached.ti_id IS NOT NULL OR failed.ti_id IS NOT NULL)) AS found
  FROM reports CROSS JOIN stream
  LEFT JOIN reached ON reached.ti_id = reports.ti_id AND reached.state = reports.requested
  LEFT JOIN failed ON failed.ti_id = reports.ti_id
), judged AS (
  SELECT
    (SELECT source FROM recorded WHERE name = 'commits') IS NOT NULL AS is_recorded,
    coalesce(last_report_ms <= last_ms + clock_tolerance_ms(), last_report_ms IS NULL) AS reaches_the_end,
    coalesce(last_lag_ms <= stream_tail_ms(), true) AS kept_up,
    found >= 0.99 * wanted AS is_whole,
    *
  FROM stream, lag, matched
)
SELECT
  NOT is_recorded OR (commits > 0 AND reaches_the_end AND kept_up AND is_whole) AS ok,
  CASE
    WHEN NOT is_recorded THEN 'Commits were not recorded: invariants that need them stay unknown.'
    WHEN commits = 0 THEN 'Commits were recorded, but there is none.'
    WHEN NOT reaches_the_end THEN format('The last commit is {} older than the last accepted end report.',
      seconds(last_report_ms - last_ms))
    WHEN NOT kept_up THEN format('The commit stream was {} behind at the end.', seconds(last_lag_ms))
    ELSE format('{:d} of {:d} accepted reports were found among {:d} commits.', found, wanted, commits)
  END AS sentence
FROM judged;
