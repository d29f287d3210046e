-- claim: No more runs of a DAG, or of a backfill, are RUNNING at once than its max_active_runs allows.
-- title: More runs of a DAG ran at once than max_active_runs allows
-- source: `max_active_runs` of the DAG, and of the backfill, whose runs are counted apart; #58807 locks backfills
--   against two schedulers that count at once, and DAGs have no such lock
-- needs: commits
-- exercised-by: runs that were started up to the limit
-- min-exercised: 10
-- cut-off: each start is judged as it is committed
-- because: the start that reaches the limit is the one that another scheduler may be making at the same moment
-- sentence: {writer} set the run {run_id} of [backfill {backfill_id} of ]{dag_id} to RUNNING, so that {held} ran at
--   once, where max_active_runs is {most}[; {before_process} had started the one before {after_ms:seconds} earlier].

-- given
CREATE TEMP TABLE starts AS FROM occupancy('runs of a DAG');

-- exercised
FROM starts SELECT count(*) WHERE held >= most;

-- violations
WITH at_once AS (
  -- Two schedulers that count before either has committed: they cannot see each other.
  SELECT starts.seq FROM starts JOIN starts AS other ON other.scope = starts.scope AND other.writer <> starts.writer
    AND other.seq < starts.seq AND other.committed_ms >= starts.committed_ms - at_once_ms()
)
SELECT * EXCLUDE (run_id, seqs), run_id, committed_ms - before_ms AS after_ms,
  CASE WHEN before_ms IS NOT NULL THEN coalesce(before_writer, 'an unknown process') END AS before_process,
  dag_id || coalesce(', backfill ' || backfill_id, '') AS subject,
  CASE WHEN role_of(writer) = 'api-core' THEN 'by an operator' WHEN seq IN (FROM at_once) THEN 'two schedulers at once'
    ELSE coalesce(role_of(writer), 'unknown writer') END AS variant,
  held - most AS severity, [before_seq, seq] AS commits
FROM starts WHERE held > most;
