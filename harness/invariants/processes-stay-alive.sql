-- claim: No process of the stack dies by itself.
-- broken: A process of the stack died by itself
-- source: every process is a service that runs until it is told to end; a scheduler that dies leaves its task
--   instances to another one's adoption, a minute later
-- needs: server_log, samples
-- chance: processes of the stack that were seen alive
-- chances wanted: 2

-- chances
SELECT count(DISTINCT source) FROM samples WHERE metric = 'rss_bytes' AND source <> 'harness';

-- violations
SELECT
  at_ms, source AS subject, coalesce(role_of('wt-' || source), source) AS path, 1 AS weight,
  format('{} by itself; it was started again a second later.', shortened(one_line(message), 300)) AS sentence,
  []::BIGINT[] AS operations, []::BIGINT[] AS commits
FROM server_log
-- PostgreSQL calls a client's lost connection FATAL, too.
WHERE severity = 'FATAL' AND source <> 'postgres'
  -- Killed by us. Its death may be seen when the window has closed, for a killed process is started again at once.
  AND NOT EXISTS (
    FROM fault_windows
    WHERE fault = 'kill' AND victim = source
      AND at_ms BETWEEN opened_ms - clock_tolerance_ms() AND coalesce(closed_ms, 'infinity') + 5000);
