-- claim: There was load, and the server accepted every kind of request that the scenario plans at least once.

-- judgement
-- At less than one request a second nothing overlaps, and what does not overlap does not race.
WITH sent AS (
  SELECT count(*) / greatest(any_value(load_ended_ms - load_started_ms) / 1000.0, 1) AS per_second
  FROM operations, load WHERE sent_ms BETWEEN load_started_ms AND load_ended_ms
), started AS (
  SELECT count(*) AS lives FROM operations WHERE kind = 'run' AND outcome = 'ok'
), never AS (
  SELECT list(kind) AS kinds
  FROM (SELECT unnest(planned_kinds) AS kind FROM plan)
  ANTI JOIN (SELECT kind FROM operations WHERE outcome = 'ok') USING (kind)
)
SELECT
  per_second >= 1 AND lives > 0 AND coalesce(len(kinds), 0) = 0 AS ok,
  format('{:.1f} requests a second and {:d} started lives', coalesce(per_second, 0), lives)
    || CASE WHEN len(kinds) > 0 THEN '; planned but never accepted: ' || array_to_string(kinds, ', ') ELSE '' END
    || '.' AS sentence
FROM sent, started, never;
