-- One row: a window of damage, and the load in the up to 10 s before it opened, while it was open (a second at least),
-- and in the up to 10 s after it closed. Requests count where they were intended. A phase without a second of
-- load is NULL.
-- `recovered_ms`: from its end to the first 5 s of load, within a minute, in which nine of ten requests had an answer
-- within twice the time that 95 % took before it opened (100 ms at least); NULL where there were none such.
CREATE VIEW fault_effects AS
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
