-- claim: No more runs of a DAG are RUNNING at once than its max_active_runs allows, nor of a backfill than that allows.
-- title: More runs of a DAG ran at once than max_active_runs allows
-- source: `max_active_runs` of the DAG, and of the backfill, whose runs are counted apart; #58807 locks backfills
--   against two schedulers that count at once, and DAGs have no such lock
-- needs: commits
-- exercised-by: runs that were started up to the very limit
-- min-exercised: 10
-- because: the start that reaches the limit is the one that another scheduler may be making, too

-- given
CREATE TEMP TABLE limits AS
SELECT dag_id, NULL::BIGINT AS backfill_id, max_active_runs FROM plan_dags
UNION ALL
SELECT dag_id, try_cast(id AS BIGINT), any_value(try_cast("row" ->> 'max_active_runs' AS INTEGER))
FROM commits WHERE relation = 'backfill' AND change <> 'delete' GROUP BY ALL;

CREATE TEMP TABLE starts AS
WITH changes AS (
  SELECT
    seq, xid, committed_ms, dag_run_id, run_id, state, old_state, writer, writer_role, change,
    -- A delete names the id alone.
    coalesce(dag_id, lag(dag_id) OVER row_history) AS dag_id,
    coalesce(backfill_id, lag(backfill_id) OVER row_history) AS backfill_id,
    (coalesce(state, '') = 'running' AND change <> 'delete')::INTEGER - (coalesce(old_state, '') = 'running')::INTEGER
      AS step
  FROM dag_run_changes
  WINDOW row_history AS (PARTITION BY dag_run_id ORDER BY seq)
), counted AS (
  SELECT *,
    -- What the same transaction ends afterwards made room, too: others see all of it at once.
    sum(step) OVER (PARTITION BY dag_id, backfill_id ORDER BY seq RANGE UNBOUNDED PRECEDING)
      + coalesce(sum(least(step, 0)) OVER (PARTITION BY dag_id, backfill_id, xid ORDER BY seq
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0) AS running
  FROM changes
)
SELECT
  counted.*, limits.max_active_runs,
  lag(committed_ms) OVER others AS before_ms, lag(writer) OVER others AS before_writer,
  lag(seq) OVER others AS before_seq
FROM counted JOIN limits
  ON limits.dag_id = counted.dag_id AND limits.backfill_id IS NOT DISTINCT FROM counted.backfill_id
WHERE step = 1
WINDOW others AS (PARTITION BY counted.dag_id, counted.backfill_id ORDER BY seq);

-- exercised
SELECT count(*) FROM starts WHERE running >= max_active_runs;

-- violations
WITH at_once AS (
  SELECT DISTINCT starts.seq
  FROM starts JOIN starts AS other ON other.dag_id = starts.dag_id AND other.writer <> starts.writer
    AND other.seq < starts.seq AND other.committed_ms >= starts.committed_ms - 1000
    AND other.backfill_id IS NOT DISTINCT FROM starts.backfill_id
  WHERE starts.running > starts.max_active_runs
)
SELECT
  committed_ms AS at_ms,
  subject_of(dag_id, NULL, NULL, NULL) || coalesce(format(', backfill {:d}', backfill_id), '') AS subject,
  CASE
    WHEN writer_role = 'api-core' THEN 'by an operator'
    -- Two that count before either has committed: they cannot see each other.
    WHEN seq IN (FROM at_once) THEN 'two schedulers at once'
    ELSE coalesce(writer_role, 'unknown writer')
  END AS variant,
  running - max_active_runs AS severity,
  format('{} set the run {} of {} to RUNNING, so that {:d} ran at once, where max_active_runs is {:d}',
    coalesce(writer, 'An unknown process'), run_id,
    CASE WHEN backfill_id IS NULL THEN dag_id ELSE format('backfill {:d} of {}', backfill_id, dag_id) END,
    running::BIGINT, max_active_runs)
    || CASE
      WHEN before_ms IS NULL THEN '.'
      ELSE format('; {} had started the one before {} earlier.', coalesce(before_writer, 'an unknown process'),
        seconds(committed_ms - before_ms))
    END AS sentence,
  []::BIGINT[] AS operations,
  list_filter([before_seq, seq], seq -> seq IS NOT NULL) AS commits
FROM starts
WHERE running > max_active_runs;
