-- claim: Each date of a DAG's schedule gets one run, and in time.
-- title: A date of a schedule did not get its run in time
-- source: documentation on scheduling and catch-up; `_create_dag_runs`, and the unique key of dag_run on DAG and
--   logical date
-- needs: commits
-- exercised-by: dates that were due during the load
-- min-exercised: 2
-- cut-off: a date that was still in time when the load ended does not count
-- because: a date is lost when the schedule advances, which it does with each of them
-- sentence: The date {at} of the schedule of {dag_id} {how}.
-- sentence[doubled]: The date {date} of the schedule of {dag_id} got {severity:count} runs.

-- given
-- Converts a wall-clock time to the run's clock.
CREATE TEMP MACRO started_epoch_ms() AS epoch_ms((SELECT (json ->> 'started_at')::TIMESTAMPTZ FROM manifest));
CREATE TEMP MACRO on_clock(written) AS (epoch_ms(written::TIMESTAMPTZ) - started_epoch_ms())::DOUBLE;

CREATE TEMP TABLE runs AS
SELECT dag_id, run_id, dag_run_id, seq, committed_ms, logical_date AS date, on_clock(date) AS date_ms
FROM dag_run_changes
WHERE change = 'insert' AND run_type = 'scheduled' AND logical_date IS NOT NULL;

-- From the minute in which the load began, and so many before it, until near its end: a scheduler creates one run of a
-- DAG in each of its loops. That minute's run may have been made before the record of a run that continues another.
CREATE TEMP TABLE dates AS
SELECT dag_id, max_active_runs, first_ms + 60000.0 * unnest(range(
    0, 1 + greatest(0, floor((load_ended_ms - scheduler_bound_ms() - first_ms) / 60000))::BIGINT)) AS date_ms
FROM (
  SELECT dag_id, max_active_runs, load_ended_ms, on_clock(date_trunc('minute',
      (SELECT (json ->> 'started_at')::TIMESTAMPTZ FROM manifest) + to_milliseconds(load_started_ms::BIGINT))::VARCHAR)
    - 60000.0 * past_runs + (SELECT CASE WHEN continues THEN 60000.0 ELSE 0 END FROM manifest) AS first_ms
  FROM plan_dags CROSS JOIN load
  WHERE past_runs IS NOT NULL AND dag_id IN (SELECT dag_id FROM dag_run_changes)
)
WHERE first_ms <= load_ended_ms - scheduler_bound_ms();

-- The number of queued or running runs of a DAG without those of backfills, which limits the schedule.
CREATE TEMP TABLE active AS
SELECT dag_id, committed_ms, seq, sum(step) OVER (PARTITION BY dag_id ORDER BY seq) AS runs
FROM (
  SELECT coalesce(dag_id, lag(dag_id) OVER history) AS dag_id, committed_ms, seq,
    (change <> 'delete' AND state IN ('queued', 'running'))::INTEGER
      - coalesce(old_state IN ('queued', 'running'), false)::INTEGER AS step,
    coalesce(run_type, lag(run_type) OVER history) AS run_type
  FROM dag_run_changes WHERE dag_id IN (SELECT dag_id FROM dates)
  WINDOW history AS (PARTITION BY dag_run_id ORDER BY seq)
)
WHERE run_type IS DISTINCT FROM 'backfill';

CREATE TEMP TABLE due AS
WITH full_until AS (
  SELECT dag_id, committed_ms,
    max(coalesce(next_ms, load_ended_ms)) OVER (PARTITION BY dag_id ORDER BY committed_ms) AS until_ms
  FROM (
    SELECT dag_id, committed_ms, runs, lead(committed_ms) OVER (PARTITION BY dag_id ORDER BY seq) AS next_ms
    FROM active
  ) JOIN (SELECT DISTINCT dag_id, max_active_runs FROM dates) USING (dag_id) CROSS JOIN load
  WHERE runs >= max_active_runs
)
SELECT dates.*, runs.seq, runs.committed_ms, runs.date,
  -- The last moment before it was made, or the end, in which the DAG had as many runs as it may have.
  greatest(dates.date_ms, load_started_ms, coalesce(full_until.until_ms, 0)) AS due_ms,
  coalesce(runs.committed_ms, load_ended_ms) AS until_ms,
  (SELECT min(later.seq) FROM runs AS later WHERE later.dag_id = dates.dag_id AND later.date_ms > dates.date_ms)
    AS later_seq
FROM dates CROSS JOIN load
LEFT JOIN (
  -- A run that an operator has deleted may be made again.
  FROM runs QUALIFY row_number() OVER (PARTITION BY dag_id, date_ms ORDER BY seq) = 1
) AS runs ON runs.dag_id = dates.dag_id AND abs(runs.date_ms - dates.date_ms) < 1
ASOF LEFT JOIN full_until
  ON full_until.dag_id = dates.dag_id AND coalesce(runs.committed_ms, load_ended_ms) > full_until.committed_ms;

-- exercised
SELECT count(*) FROM due WHERE seq IS NOT NULL OR later_seq IS NOT NULL OR until_ms - due_ms > scheduler_bound_ms();

-- violations
SELECT *, coalesce(committed_ms, due_ms + scheduler_bound_ms()) AS at_ms, dag_id AS subject,
  until_ms - due_ms AS severity,
  CASE WHEN seq IS NULL AND later_seq IS NOT NULL THEN 'passed over' WHEN seq IS NULL THEN 'lost'
    ELSE 'late' END AS variant,
  strftime(make_timestamp((started_epoch_ms() + date_ms::BIGINT) * 1000), '%H:%M') AS at,
  CASE variant WHEN 'passed over' THEN 'got no run, and a later one did'
    WHEN 'lost' THEN format('had got no run {} after it was due', seconds(severity))
    ELSE format('got its run {} after it was due', seconds(severity)) END AS how,
  [seq, later_seq] AS commits
FROM due
WHERE (seq IS NULL AND later_seq IS NOT NULL)
  OR (until_ms - due_ms > scheduler_bound_ms() AND NOT excused_delay(due_ms, until_ms)
    AND NOT EXISTS (
      FROM pauses WHERE pauses.dag_id = due.dag_id AND pauses.from_ms <= due.until_ms AND pauses.until_ms >= due_ms))
UNION ALL BY NAME
SELECT max(committed_ms) AS at_ms, dag_id, dag_id AS subject, 'doubled' AS variant, count(*) AS severity, date,
  list(seq ORDER BY seq) AS commits
FROM runs
WHERE dag_run_id NOT IN (SELECT dag_run_id FROM dag_run_changes WHERE change = 'delete')
GROUP BY dag_id, date HAVING count(*) > 1;
