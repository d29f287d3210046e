-- A number rounded to an integer; NULL if it is out of range, which happens only in a damaged record.
CREATE OR REPLACE MACRO whole(x) AS try_cast(floor(x) AS BIGINT);

-- One row: how the run's time is cut for the charts. At most 300 steps, from the beginning of the load to its last
-- request, or its end; of a second at least, because that is how often the samples are read.
CREATE OR REPLACE VIEW time_steps AS
SELECT from_ms, load_ended_ms, step_ms, greatest(ceil(span_ms / step_ms), 1)::BIGINT AS steps
FROM (
  SELECT *, coalesce(
    (SELECT min(nice_ms) FROM (SELECT unnest([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]) * 1000 AS nice_ms)
      WHERE span_ms / nice_ms <= 300),
    ceil(span_ms / 300)) AS step_ms
  FROM (
    SELECT load_started_ms AS from_ms, load_ended_ms,
      greatest(load_ended_ms, coalesce(last_ms, 0), load_started_ms) - load_started_ms AS span_ms
    FROM load CROSS JOIN (SELECT max(sent_ms) AS last_ms FROM operations))
);

-- One row: a number that was measured of one step: `metric`, `of` what. Requests count in the step for which they were
-- intended.
CREATE OR REPLACE VIEW over_time AS
WITH requests AS (
  SELECT whole((intended_ms - from_ms) / step_ms) AS step, any_value(step_ms) / 1000 AS step_s,
    count(*) FILTER (outcome = 'ok') AS ok, count(*) FILTER (outcome = 'refused') AS refused,
    count(*) FILTER (outcome = 'unknown') AS lost, count(*) FILTER (status = 409) AS http_409,
    count(*) FILTER (status >= 500) AS http_5xx, max(sent_ms - intended_ms) AS late_ms,
    quantile_cont(ended_ms - intended_ms, [0.5, 0.95, 0.99]) AS took_ms
  FROM operations, time_steps
  WHERE intended_ms >= from_ms AND intended_ms < from_ms + steps * step_ms
  GROUP BY step
), readings AS (
  SELECT whole((at_ms - from_ms) / step_ms) AS step, source, metric, value,
    -- A process that was started again counts from 0.
    CASE WHEN metric = 'cpu_s' AND value >= lag(value) OVER one
      THEN (value - lag(value) OVER one) * 1000 / nullif(at_ms - lag(at_ms) OVER one, 0) END AS cores
  FROM samples, time_steps
  WHERE at_ms >= from_ms AND at_ms < from_ms + steps * step_ms
  WINDOW one AS (PARTITION BY source, metric ORDER BY at_ms)
), processes AS (
  -- Eight lines can be distinguished.
  SELECT source, CASE WHEN count(*) OVER () > 8 THEN regexp_replace(source, '-\d+$', '') ELSE source END AS process
  FROM (SELECT DISTINCT source FROM samples WHERE metric = 'rss_bytes')
), used AS (
  SELECT step, process, sum(cores) AS cores, sum(bytes) AS bytes
  FROM (
    SELECT step, source, avg(cores) AS cores, max(value) FILTER (metric = 'rss_bytes') AS bytes
    FROM readings GROUP BY ALL
  ) JOIN processes USING (source)
  GROUP BY ALL
), named AS (
  -- The mean of levels, the maximum of what matters by its peak.
  SELECT * FROM (VALUES
    ('live_lives', 'load', 'live lives', true), ('requests_in_flight', 'load', 'requests in flight', false),
    ('lock_waits', 'database', 'waiting for a lock', false), ('connections', 'database', 'connections', false),
    ('loop_delay_ms', 'harness_ms', 'event loop delay', false),
    ('cpu_wait_ms', 'harness_ms', 'waiting for a processor', false),
    ('gc_pause_ms', 'harness_ms', 'garbage collection', false),
    ('recorder_behind_ms', 'harness_ms', 'recorder lag', false),
    ('commit_lag_ms', 'harness_ms', 'commit stream lag', false)
  ) AS t(metric, chart, "of", is_level)
)
SELECT step, one.metric, one.of, one.value
FROM requests, LATERAL (SELECT unnest([
  {metric: 'requests_per_s', of: 'ok', value: ok / step_s},
  {metric: 'requests_per_s', of: 'refused', value: refused / step_s},
  {metric: 'requests_per_s', of: 'unknown', value: lost / step_s},
  {metric: 'latency_ms', of: 'p50', value: took_ms[1]}, {metric: 'latency_ms', of: 'p95', value: took_ms[2]},
  {metric: 'latency_ms', of: 'p99', value: took_ms[3]},
  {metric: 'events', of: '409', value: http_409::DOUBLE}, {metric: 'events', of: '5xx', value: http_5xx::DOUBLE},
  {metric: 'harness_ms', of: 'request lateness', value: late_ms}]) AS one)
UNION ALL
SELECT step, 'events', 'deadlocks', count(at_ms)
FROM (
  SELECT whole((at_ms - from_ms) / step_ms) AS step, at_ms
  FROM deadlocks, time_steps WHERE at_ms >= from_ms AND at_ms < from_ms + steps * step_ms
  -- Zero is a value, too, if there is a log that would name them.
  UNION ALL SELECT 0, NULL FROM recorded WHERE name = 'server_log' AND source IS NOT NULL
)
GROUP BY step
UNION ALL
SELECT step, chart, "of", CASE WHEN is_level THEN avg(value) ELSE max(value) END
FROM readings JOIN named USING (metric)
-- The stack's processes wait for a processor, too; these are the harness's pauses.
WHERE metric <> 'cpu_wait_ms' OR source = 'harness'
GROUP BY step, chart, "of", is_level
UNION ALL
SELECT step, 'cpu_cores', process, cores FROM used WHERE cores IS NOT NULL
UNION ALL
SELECT step, 'memory_bytes', process, bytes FROM used WHERE bytes IS NOT NULL;

-- One row: a window of damage, and the load in the up to 10 s before it opened, while it was open (a second at least),
-- and in the up to 10 s after it closed. Requests count where they were intended. A phase without a second of
-- load is NULL.
-- `recovered_ms`: from its end to the first 5 s of load, within a minute, in which nine of ten requests had an answer
-- within twice the time that 95 % took before it opened (100 ms at least); NULL where there were none such.
CREATE OR REPLACE VIEW fault_effects AS
WITH windows AS (
  SELECT row_number() OVER (ORDER BY opened_ms, "window", fault, victim) AS n,
    "window", fault, victim, opened_ms, closed_ms, until_ms, detail
  FROM fault_windows
), phases AS (
  SELECT n, phase, greatest(from_ms, load_started_ms) AS from_ms, least(to_ms, load_ended_ms) AS to_ms
  FROM load, (
    SELECT n, 'before' AS phase, opened_ms - 10000 AS from_ms, opened_ms AS to_ms FROM windows
    UNION ALL SELECT n, 'during', opened_ms, greatest(until_ms, opened_ms + 1000) FROM windows
    UNION ALL SELECT n, 'after', until_ms, until_ms + 10000 FROM windows
  )
  WHERE least(to_ms, load_ended_ms) - greatest(from_ms, load_started_ms) >= 1000
), living AS (
  SELECT n, phase, avg(value) AS live
  FROM phases JOIN samples ON at_ms >= from_ms AND at_ms < to_ms
  WHERE source = 'fleet' AND metric = 'live_lives'
  GROUP BY ALL
), wanted AS NOT MATERIALIZED (
  -- Whole seconds meet by equality, which takes a moment for millions of requests; by limits it would take a minute.
  SELECT whole(intended_ms / 1000) AS second, intended_ms, ended_ms - intended_ms AS took_ms, outcome FROM operations
), counted AS (
  SELECT n, phase, any_value(to_ms - from_ms) / 1000 AS seconds,
    count(*) FILTER (outcome = 'ok') AS ok, count(*) FILTER (outcome = 'refused') AS refused,
    count(*) FILTER (outcome = 'unknown') AS lost, quantile_cont(took_ms, 0.95) AS p95_ms
  FROM (SELECT *, unnest(range(whole(from_ms / 1000), whole(to_ms / 1000) + 1)) AS second FROM phases) AS one
  LEFT JOIN wanted ON wanted.second = one.second AND intended_ms >= from_ms AND intended_ms < to_ms
  GROUP BY n, phase
), measured AS (
  SELECT n, phase, {
    'seconds': seconds, 'ok_per_s': ok / seconds, 'refused_per_s': refused / seconds, 'unknown_per_s': lost / seconds,
    'p95_ms': p95_ms, 'live': live} AS numbers
  FROM counted LEFT JOIN living USING (n, phase)
), seconds AS (
  -- Of every second of the minute after a window the requests, and those that were as good as before it opened: how
  -- many there are says nothing, for that is the scenario's to decide.
  SELECT n, floor((intended_ms - until_ms) / 1000) AS after_s, count(*) AS requests,
    count(*) FILTER (outcome <> 'unknown' AND took_ms <= good_ms) AS good
  FROM (
    SELECT n, until_ms, greatest(2 * numbers.p95_ms, 100) AS good_ms,
      unnest(range(whole(until_ms / 1000), whole(until_ms / 1000) + 61)) AS second
    FROM windows JOIN measured USING (n)
    WHERE phase = 'before' AND closed_ms IS NOT NULL AND numbers.p95_ms IS NOT NULL
  ) JOIN wanted USING (second), load
  WHERE intended_ms >= until_ms AND intended_ms < least(until_ms + 60000, load_ended_ms)
  GROUP BY n, after_s
), recovered AS (
  SELECT n, min(after_s) * 1000 AS recovered_ms
  FROM (
    SELECT n, after_s, sum(requests) OVER next AS requests, sum(good) OVER next AS good
    FROM seconds
    WINDOW next AS (PARTITION BY n ORDER BY after_s RANGE BETWEEN CURRENT ROW AND 4 FOLLOWING)
  ) JOIN windows USING (n), load
  WHERE requests >= 5 AND good >= 0.9 * requests AND until_ms + after_s * 1000 + 5000 <= load_ended_ms
  GROUP BY n
)
SELECT "window", fault, victim, opened_ms, closed_ms, detail,
  EXISTS (
    FROM windows AS other WHERE other.n <> windows.n
      AND other.opened_ms < windows.opened_ms AND other.until_ms > windows.opened_ms - 10000) AS others_before,
  "before", during, "after", recovered_ms
FROM windows
LEFT JOIN recovered USING (n)
LEFT JOIN (
  SELECT n, any_value(numbers) FILTER (phase = 'before') AS "before",
    any_value(numbers) FILTER (phase = 'during') AS during, any_value(numbers) FILTER (phase = 'after') AS "after"
  FROM measured GROUP BY n
) USING (n);
