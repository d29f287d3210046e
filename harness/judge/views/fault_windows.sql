-- One row: a window of damage, with the row of its end where it was closed. `until_ms` is the end of the load for one
-- that was still open when the record ended: a killed harness heals nothing. `excused_ms`: until when the window excuses
-- what takes long. Safety is promised always, progress only while no window is open or fresh:
-- * no longer than it is open: what clients and users do. It breaks nothing that would have to come back.
-- * 30 s after any other: a process that was killed has imported itself again after 20 s on two busy cores, and what
--   waited meanwhile is worked off in the rest.
-- * 120 s after a scheduler was lost: it is taken for dead after scheduler_health_check_threshold (60 s on our stacks),
--   by a look that another one takes every 30 s; then its tasks are adopted or reset, and go their way again. A
--   scheduler that stood still for less than that comes back by itself.
CREATE VIEW fault_windows AS
SELECT *,
  greatest(
    until_ms + CASE WHEN victim IN ('fleet', 'operators') THEN 0 ELSE 30000 END,
    CASE WHEN victim LIKE 'scheduler%' AND (fault = 'kill' OR until_ms - opened_ms >= 60000)
      THEN opened_ms + 120000 ELSE 0 END) AS excused_ms
FROM (
  SELECT
    coalesce("window", row_number() OVER (ORDER BY opened_ms, fault, victim)) AS "window",
    fault, victim, opened_ms, closed_ms, coalesce(closed_ms, greatest(load_ended_ms, opened_ms)) AS until_ms, detail
  FROM faults CROSS JOIN load
  -- A window has a row when it opens and another when it is closed.
  QUALIFY row_number() OVER (PARTITION BY "window", fault, victim, opened_ms ORDER BY closed_ms NULLS LAST) = 1
);

-- Whether something that began and ended at these moments met a window, or the time after one that is excused, too.
CREATE MACRO met_fault(began, ended) AS
  EXISTS (FROM fault_windows WHERE fault_windows.opened_ms <= ended AND fault_windows.excused_ms >= began);

-- The same, or the whole machine stood still meanwhile.
CREATE MACRO excused_delay(began, ended) AS
  met_fault(began, ended)
  OR EXISTS (FROM standstills WHERE standstills.until_ms >= began AND standstills.from_ms <= ended);
