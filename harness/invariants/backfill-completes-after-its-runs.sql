-- claim: A backfill is completed only when every run that it created has ended, and not before they are created.
-- title: A backfill was marked completed before its runs had ended
-- known-issues: #62561
-- source: issue #62561; `completed_at` is what the UI, and the next backfill of the DAG, go by
-- needs: commits, operations
-- exercised-by: backfills during the creation of which the schedulers looked for completed ones
-- min-exercised: 1
-- cut-off: a creation that had not ended does not count; if its backfill was completed by then, with no request under
--   way any more that could prove it, the invariant is unknown
-- because: if the check takes a backfill without runs for a completed one, one check is enough to show it
-- sentence: Backfill {backfill_id} of {dag_id} was marked completed by {completed_by|an unknown process}
--   {after_ms:seconds} after it was created, {how}.

-- given
-- A backfill that an operator cancelled may be completed while it still has active runs.
CREATE TEMP TABLE completions AS
SELECT * FROM backfill_lives WHERE completed_ms IS NOT NULL AND NOT cancelled;

-- The end of the record cuts the creation off: no run is there, and no answer to the request. The server may go on with
-- a request that the client gave up, until the API servers were seen with nothing left to do.
CREATE TEMP TABLE cut_off AS
SELECT backfill_id FROM backfill_lives JOIN operations ON op = post CROSS JOIN record
WHERE runs = 0 AND status IS NULL AND cause IS DISTINCT FROM 'answer-dropped' AND quiescent_ms IS NULL;

-- exercised
WITH creations AS (
  SELECT backfill_id, created_ms, coalesce(first_run_ms, post_ended_ms, load_ended_ms) AS until_ms
  FROM backfill_lives ANTI JOIN cut_off USING (backfill_id) CROSS JOIN load
  -- The row of a request that was refused is no creation.
  WHERE post IS NOT NULL OR runs > 0
), readings AS (
  SELECT at_ms, value, lag(at_ms) OVER (ORDER BY at_ms) AS before_ms, lag(value) OVER (ORDER BY at_ms) AS before
  FROM samples WHERE metric = 'backfill_checks' AND source = 'postgres'
), checks AS (
  SELECT before_ms, at_ms FROM readings WHERE value > before
)
SELECT count(DISTINCT backfill_id)
FROM creations
WHERE EXISTS (FROM checks WHERE before_ms >= created_ms AND at_ms <= until_ms)
  -- The checks are not counted on this stack. Schedulers check every 30 s, so 31 s contain a check.
  OR (until_ms - created_ms >= 31000 AND NOT EXISTS (FROM readings));

-- violations
WITH runs_at_completion AS (
  SELECT
    completions.backfill_id, changes.dag_run_id,
    arg_max(changes.state, changes.seq) FILTER (changes.seq < completed_seq) AS state,
    bool_or(changes.seq < completed_seq) AS existed,
    min(changes.committed_ms) AS first_ms, min(changes.seq) AS first_seq
  FROM dag_run_changes AS changes JOIN completions USING (backfill_id)
  GROUP BY ALL
), early AS (
  SELECT
    backfill_id,
    count(*) FILTER (NOT existed) AS later, count(*) FILTER (existed) AS earlier,
    count(*) FILTER (existed AND coalesce(state NOT IN ('success', 'failed'), true)) AS unfinished,
    max(first_ms) AS last_ms, min(first_seq) FILTER (NOT existed) AS later_seq
  FROM runs_at_completion GROUP BY backfill_id
)
SELECT *, completed_ms AS at_ms, completed_ms - created_ms AS after_ms,
  format('backfill {} of {}', backfill_id, dag_id) AS subject, coalesce(later + unfinished, 0) AS severity,
  CASE WHEN coalesce(earlier, 0) = 0 THEN 'before its runs existed' ELSE 'before its runs ended' END AS variant,
  CASE
    WHEN earlier > 0 THEN format('while {:d} of its {:d} runs had not ended', unfinished, earlier)
      || CASE WHEN later > 0 THEN format(' and {:d} were yet to be created', later) ELSE '' END
    ELSE 'before any of its runs existed: ' || CASE
      WHEN later > 0
        THEN format('{:d} were created afterwards, the last one {} later', later, seconds(last_ms - completed_ms))
      WHEN post_ended_ms IS NULL THEN 'the request that creates it was still under way when the load ended'
      ELSE format('the request that creates it was answered {} later', seconds(post_ended_ms - completed_ms)) END
  END AS how,
  [post] AS operations, [completed_seq, later_seq] AS commits
FROM completions LEFT JOIN early USING (backfill_id) CROSS JOIN load
WHERE later > 0 OR unfinished > 0
  OR (coalesce(earlier, 0) = 0 AND post_outcome = 'ok' AND post_ended_ms > completed_ms + clock_tolerance_ms())
  -- Not answered when the load ended: the server was still creating runs.
  OR (coalesce(earlier, 0) = 0 AND post IS NOT NULL AND post_ended_ms IS NULL AND completed_ms < load_ended_ms);

-- doubts
SELECT format('whether backfill {} of {} was completed before its runs were created is open: the record ends before '
  || 'the request that creates it did', backfill_id, dag_id)
FROM completions SEMI JOIN cut_off USING (backfill_id) ORDER BY backfill_id;
