-- claim: The machine did not run out of ephemeral ports.

-- judgement
-- Without a port a connection cannot be made, by the harness or by the stack, and that would pass for a server that
-- refuses. 90 %: between two readings a second apart a tenth of the usual range is not used up.
WITH used AS (
  SELECT max(value) FILTER (metric = 'ports_in_use') AS used, max(value) FILTER (metric = 'ports') AS ports
  FROM samples, load
  WHERE metric IN ('ports_in_use', 'ports') AND at_ms BETWEEN load_started_ms AND load_ended_ms
)
SELECT
  coalesce(used <= 0.9 * ports, true) AS ok,
  CASE
    WHEN used IS NULL OR ports IS NULL THEN 'How many ephemeral ports were in use was not sampled.'
    ELSE format('At most {:.0f} of {:.0f} ephemeral ports were in use (90 % allowed).', used, ports)
  END AS sentence
FROM used;
