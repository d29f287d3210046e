-- One row: when the load ran. A harness that was killed never wrote its end: then it is the last answer that came.
CREATE OR REPLACE VIEW load AS
SELECT
  coalesce(manifest.load_started_ms, seen.first_ms, 0) AS load_started_ms,
  coalesce(manifest.load_ended_ms, manifest.ended_ms, seen.last_ms, manifest.load_started_ms, 0) AS load_ended_ms
FROM manifest
CROSS JOIN (SELECT min(sent_ms) AS first_ms, max(coalesce(ended_ms, sent_ms)) AS last_ms FROM operations) AS seen;

-- One row: until when every request that was sent is on record. A request is recorded when it has ended, so requests
-- that were open when the harness was killed are missing; after a normal end none is.
CREATE OR REPLACE VIEW requests_known AS
SELECT CASE WHEN manifest.ended IS NOT NULL THEN 'infinity'::DOUBLE ELSE last_ms - request_timeout_ms END AS until_ms
FROM manifest CROSS JOIN plan CROSS JOIN (SELECT max(ended_ms) AS last_ms FROM operations);

-- One row: a clock of which the times cannot be put on the run's clock for sure, and why.
CREATE OR REPLACE VIEW clocks_in_doubt AS
WITH stretches AS (
  SELECT *, offset_ms - lag(offset_ms) OVER (PARTITION BY source ORDER BY from_ms NULLS FIRST) AS step_ms,
    CASE source WHEN 'postgres' THEN 'the database' ELSE source END AS "owner"
  FROM clock_stretches
), worst AS (
  SELECT "owner", arg_max(step_ms, abs(step_ms)) AS step_ms, arg_max(from_ms, abs(step_ms)) AS at_ms,
    max(uncertainty_ms) AS uncertainty_ms
  FROM stretches GROUP BY "owner"
)
SELECT "owner",
  CASE WHEN abs(step_ms) > clock_error_ms()
    THEN format('The clock of {} was set {} by {} after {}.', "owner",
      CASE WHEN step_ms > 0 THEN 'forward' ELSE 'back' END, seconds(abs(step_ms)), seconds(at_ms))
    ELSE format('The clock of {} is known to {:.0f} ms only ({} ms allowed).', "owner", uncertainty_ms,
      clock_error_ms())
  END AS sentence
FROM worst
WHERE abs(step_ms) > clock_error_ms() OR uncertainty_ms > clock_error_ms();

-- One row: a DAG run that lost a worker together with its record (k6 died). The requests of that worker are unknown, so
-- that every commit in the run, on its own task or on those that it skips, has a possible cause.
CREATE OR REPLACE VIEW lost_runs AS
SELECT DISTINCT dag_id, run_id FROM lives WHERE "end" = 'lost';

-- One row: a time in which the harness got no processor for more than a second, though it has a higher priority than
-- the stack: the whole machine stalled, and durations in that time say nothing about Airflow. (Such a run does not pass
-- as a whole either: see the assumption fleet-kept-pace.)
CREATE OR REPLACE VIEW standstills AS
SELECT at_ms - value - standstill_ms() AS from_ms, at_ms AS until_ms
FROM samples
WHERE source = 'harness' AND metric = 'loop_delay_ms' AND value > standstill_ms();

-- One row: for how long, between two readings, a process of the stack was ready to run and had no processor. Of its
-- threads the one that waited longest counts, because a transaction runs in one of them.
CREATE OR REPLACE VIEW cpu_waits AS
SELECT
  'wt-' || source AS process, value AS cpu_wait_ms,
  lag(at_ms, 1, at_ms - 1000) OVER (PARTITION BY source ORDER BY at_ms) AS from_ms, at_ms AS until_ms
FROM samples
WHERE metric = 'cpu_wait_ms' AND source <> 'harness';

-- For how much of an interval a process waited for a processor, at most; NULL where that was not sampled.
CREATE OR REPLACE MACRO waited_for_cpu_ms(of_process, began, ended) AS (
  SELECT sum(least(cpu_wait_ms, least(until_ms, ended) - greatest(from_ms, began)))
  FROM cpu_waits
  WHERE cpu_waits.process = of_process AND cpu_waits.until_ms > began AND cpu_waits.from_ms < ended);

-- One row: a window of damage, with the row of its end where it was closed. `until_ms` is the end of the load for one
-- that was still open when the record ended: a killed harness heals nothing. `excused_ms`: until when the window
-- excuses delays. Safety must hold always, progress only while no window is open or recent:
-- * while it is open: faults of clients and users, after which nothing has to recover.
-- * recovery_ms() after any other.
-- * adoption_ms() after a scheduler was lost. A scheduler that was stopped for less than scheduler_dead_ms() comes back
--   by itself.
CREATE OR REPLACE VIEW fault_windows AS
SELECT *,
  greatest(
    until_ms + CASE WHEN victim IN ('fleet', 'operators') THEN 0 ELSE recovery_ms() END,
    CASE WHEN victim LIKE 'scheduler%' AND (fault = 'kill' OR until_ms - opened_ms >= scheduler_dead_ms())
      THEN opened_ms + adoption_ms() ELSE 0 END) AS excused_ms
FROM (
  SELECT
    coalesce("window", row_number() OVER (ORDER BY opened_ms, fault, victim)) AS "window",
    fault, victim, opened_ms, closed_ms,
    coalesce(closed_ms, greatest(load_ended_ms, opened_ms)) AS until_ms, detail, cuts_connections, skews_clocks
  FROM faults CROSS JOIN load
  -- A window has a row when it opens and another when it is closed.
  QUALIFY row_number() OVER (PARTITION BY "window", fault, victim, opened_ms ORDER BY closed_ms NULLS LAST) = 1
);

-- Whether an interval overlaps a fault window, or the time after one that is excused, too.
CREATE OR REPLACE MACRO met_fault(began, ended) AS
  EXISTS (FROM fault_windows WHERE fault_windows.opened_ms <= ended AND fault_windows.excused_ms >= began);

-- The same, or the whole machine stalled in that interval.
CREATE OR REPLACE MACRO excused_delay(began, ended) AS
  met_fault(began, ended)
  OR EXISTS (FROM standstills WHERE standstills.until_ms >= began AND standstills.from_ms <= ended);

-- One row: a window in which connections to the database were cut, refused or lost, of one process, or of all (NULL). A
-- transaction that is cut fails, and its process may answer 5xx or end.
CREATE OR REPLACE VIEW cut_windows AS
SELECT "window", fault, opened_ms, until_ms + cut_aftermath_ms() AS until_ms, nullif(victim, 'postgres') AS process
FROM fault_windows WHERE cuts_connections;

-- One row: a time in which the database was away or its disk full, and no plan had it so.
CREATE OR REPLACE VIEW database_outages AS
SELECT opened_ms, closed_ms, until_ms, detail FROM fault_windows WHERE fault = 'unplanned-outage';

-- One row: an outage that no plan had. What violates an invariant from `from_ms` on may not have come about without it,
-- and `why` says so in a sentence. When the harness stops for long, Airflow rightly declares its workers dead, and they
-- come back.
CREATE OR REPLACE VIEW outages AS
SELECT from_ms, format('the harness stalled for {} until {}', seconds(lasted_ms), seconds(until_ms)) AS why
FROM (SELECT *, until_ms - from_ms - standstill_ms() AS lasted_ms FROM standstills)
-- Before the load there are no workers to be declared dead.
WHERE lasted_ms > outage_ms() AND until_ms > (SELECT load_started_ms FROM load)
UNION ALL
SELECT opened_ms - clock_tolerance_ms(), format('the database was away after {} ({})', seconds(opened_ms), detail)
FROM database_outages;
