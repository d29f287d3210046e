-- One row: a window of damage, with the row of its end where it was closed. `until_ms` is the end of the load for one
-- that was still open when the record ended: a killed harness heals nothing.
CREATE VIEW fault_windows AS
SELECT
  coalesce("window", row_number() OVER (ORDER BY opened_ms)) AS "window",
  fault, victim, opened_ms, closed_ms, coalesce(closed_ms, greatest(load_ended_ms, opened_ms)) AS until_ms, detail
FROM faults CROSS JOIN load
-- A window has a row when it opens and another when it is closed.
QUALIFY row_number() OVER (PARTITION BY "window", fault, victim, opened_ms ORDER BY closed_ms NULLS LAST) = 1;
