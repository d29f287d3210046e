-- claim: The harness sent its requests at their intended times.

-- judgement
-- On a quiet machine 99 % are sent within 10 ms, and the loop pauses for no more than 100 ms. A stack that saturates
-- the machine takes processors from the harness, too: then these are exceeded (`disturbed`), and what matters is
-- whether that is little beside what was measured. Of the time within which 99 % of the requests were answered, counted
-- from the intended start, a tenth at most may be lateness of ours, and half a single pause, which also delays the
-- reading of answers. Never more than 250 ms, a twentieth of the client's time-out, and 1 s: so long a pause would pass
-- for a slow server in every request under way. Retries wait on purpose and are left out.
WITH sent AS (
  SELECT
    count(*) AS requests,
    quantile_cont(sent_ms - intended_ms, 0.99) AS late_ms,
    quantile_cont(ended_ms - intended_ms, 0.99) AS answered_ms
  FROM operations WHERE attempt = 1
), paused AS (
  SELECT
    max(value) FILTER (metric = 'loop_delay_ms') AS pause_ms,
    sum(value) FILTER (metric = 'cpu_wait_ms') / nullif(any_value(load_ended_ms - load_started_ms), 0) AS waited
  FROM samples, load
  WHERE source = 'harness' AND metric IN ('loop_delay_ms', 'cpu_wait_ms')
    AND at_ms BETWEEN load_started_ms AND load_ended_ms
), judged AS (
  SELECT
    *,
    least(greatest(10, coalesce(answered_ms, 0) / 10), 250) AS late_allowed_ms,
    least(greatest(100, coalesce(answered_ms, 0) / 2), 1000) AS pause_allowed_ms,
    late_ms <= 10 AND coalesce(pause_ms, 0) <= 100 AS is_quiet
  FROM sent, paused
), decided AS (
  SELECT *, late_ms <= late_allowed_ms AND coalesce(pause_ms, 0) <= pause_allowed_ms AS is_little FROM judged
)
SELECT
  CASE WHEN requests = 0 THEN NULL ELSE is_little END AS ok,
  CASE
    WHEN requests = 0 THEN 'Nothing was sent.'
    ELSE format('99 % of the requests were sent within {:.0f} ms of their intended time; ', late_ms)
      || CASE
        WHEN pause_ms IS NULL THEN 'pauses of the event loop were not sampled'
        ELSE format('the longest pause of the event loop was {:.0f} ms', pause_ms)
      END
      || CASE
        WHEN is_quiet THEN '.'
        ELSE format(': {} the {:.0f} ms within which 99 % were answered ({:.0f} ms and {:.0f} ms allowed).',
          CASE WHEN is_little THEN 'disturbed, but little compared with' ELSE 'too much compared with' END,
          coalesce(answered_ms, 0), late_allowed_ms, pause_allowed_ms)
      END
      || CASE
        WHEN waited IS NULL OR is_quiet THEN ''
        ELSE format(' {:.0f} % of the time it waited for a processor.', 100 * waited)
      END
  END AS sentence
FROM decided;
