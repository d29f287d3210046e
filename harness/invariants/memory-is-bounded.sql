-- claim: The memory of no process of the stack keeps growing.
-- title: The memory of a process kept growing
-- source: every process is a service that runs for weeks
-- needs: samples
-- exercised-by: processes of the stack that were measured throughout the second half of the load
-- min-exercised: 2
-- cut-off: a process that was not measured throughout the second half of the load does not count
-- because: at least an API server and a scheduler must be measured
-- without-clocks: the harness reads memory, and of the log only which process ended
-- despite-gaps: the harness itself notes which process ended
-- sentence: {subject} grew by {growth_mib} MiB a second for {for_s} s, from {first_mib} to {last_bytes:mib}, and did
--   not level off.

-- given
-- The second half: in the first, processes import, connect and fill their caches. PostgreSQL is left out, because pages
-- that its backends share are counted for each of them. A minute's median for long runs, each reading for short ones.
CREATE TEMP TABLE readings AS
SELECT source, median(at_ms) / 1000 AS at_s, median(value) AS bytes
FROM samples, load
WHERE metric = 'rss_bytes' AND source NOT IN ('harness', 'postgres')
  -- Imports after a restart look like growth.
  AND source NOT IN (SELECT source FROM server_log WHERE severity = 'FATAL')
  AND source NOT IN (SELECT victim FROM fault_windows WHERE victim IS NOT NULL)
  AND at_ms BETWEEN (load_started_ms + load_ended_ms) / 2 AND load_ended_ms
GROUP BY source, floor(at_ms / greatest((load_ended_ms - load_started_ms) / 240, 1));

CREATE TEMP TABLE growths AS
WITH slopes AS (
  SELECT
    one.source, median((other.bytes - one.bytes) / (other.at_s - one.at_s)) AS bytes_per_s,
    arg_min(one.bytes, one.at_s) AS first_bytes, arg_max(other.bytes, other.at_s) AS last_bytes,
    min(one.at_s) AS from_s, max(other.at_s) AS until_s, count(DISTINCT one.at_s) AS readings
  FROM readings AS one JOIN readings AS other ON other.source = one.source AND other.at_s > one.at_s
  GROUP BY one.source
  -- Fewer readings show no slope: one large allocation among them would look like one, and the garbage collector of a
  -- process that is a few seconds old has not settled.
  HAVING readings >= 14
), quarters AS (
  SELECT
    source, least(floor(4 * (at_s - from_s) / (until_s - from_s)), 3) AS quarter, median(bytes) AS bytes
  FROM readings JOIN slopes USING (source) GROUP BY ALL
), steps AS (
  SELECT source, bytes - lag(bytes) OVER (PARTITION BY source ORDER BY quarter) AS bytes FROM quarters
)
SELECT slopes.*, smallest_step_bytes
FROM slopes JOIN (
  SELECT source, min(bytes) AS smallest_step_bytes FROM steps GROUP BY source
) AS smallest USING (source);

-- exercised
SELECT count(*) FROM growths;

-- violations
SELECT *, until_s * 1000 AS at_ms, source AS subject, coalesce(role_of('wt-' || source), source) AS variant,
  bytes_per_s AS severity, format('{:.1f}', bytes_per_s / 1048576) AS growth_mib,
  format('{:.0f}', until_s - from_s) AS for_s, format('{:.0f}', first_bytes / 1048576) AS first_mib
FROM growths
-- 1 MiB: an hour of that is 3.6 GiB. Half a minute after its start the steepest process of a healthy stack takes a
-- third of it (a scheduler: 0.3), and an API server nothing that can be measured. The slope is the median of all pairs
-- of readings, which a garbage collection does not bend; and it must continue in each quarter, which a single large
-- allocation does not.
WHERE bytes_per_s > 1048576 AND smallest_step_bytes > bytes_per_s * (until_s - from_s) / 16;
