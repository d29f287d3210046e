-- One row: how often, in a minute of the load (from 0 on), requests of a kind were refused with 409 because of one
-- state that the server found: its `current_state` or `previous_state`, '' where the response names none. `violations`:
-- how many of them a violation of an invariant caused.
CREATE OR REPLACE VIEW conflicts AS
SELECT whole((sent_ms - load_started_ms) / 60000) AS "minute", kind, coalesce(found_state, '') AS found_state,
  coalesce(reason, '') AS reason, count(*) AS "count", count(*) FILTER (class LIKE 'violation of %') AS violations
FROM (SELECT op, sent_ms, kind, found_state, reason FROM operations WHERE status = 409)
JOIN (SELECT op, class FROM refusal_classes) USING (op) CROSS JOIN load
GROUP BY ALL;
