-- claim: The harness sent its requests when the scenario wanted them sent.

-- judgement
-- 250 ms: a twentieth of the 5 s heartbeat interval and of the client's time-out, so lateness of ours stays small
-- against what is measured. 1 s: a pause as long as that would pass for a slow server in every request under way.
-- Retries wait on purpose and are left out.
WITH late AS (
  SELECT count(*) AS sent, quantile_cont(sent_ms - intended_ms, 0.99) AS p99_ms FROM operations WHERE attempt = 1
), paused AS (
  SELECT max(value) AS longest_ms
  FROM samples, load
  WHERE source = 'harness' AND metric = 'loop_delay_ms' AND at_ms BETWEEN load_started_ms AND load_ended_ms
)
SELECT
  CASE WHEN sent = 0 THEN NULL ELSE p99_ms <= 250 AND coalesce(longest_ms, 0) <= 1000 END AS ok,
  CASE
    WHEN sent = 0 THEN 'Nothing was sent.'
    ELSE format('99 % of the requests were sent within {:.0f} ms of their intended time (250 ms allowed); ', p99_ms)
      || CASE
        WHEN longest_ms IS NULL THEN 'pauses of the event loop were not sampled.'
        ELSE format('the longest pause of the event loop was {:.0f} ms (1,000 ms allowed).', longest_ms)
      END
  END AS sentence
FROM late, paused;
