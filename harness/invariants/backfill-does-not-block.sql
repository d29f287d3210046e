-- claim: A backfill without runs stops blocking its DAG in bounded time, and two backfills of one DAG are never
--   active at once.
-- title: A backfill blocked its DAG, or a second one was admitted
-- known-issues: #62561
-- source: issue #62561; POST /backfills answers 409 while a backfill of the DAG is running
-- needs: commits, operations
-- exercised-by: backfills requested while another one of the same DAG was active
-- min-exercised: 1
-- cut-off: a request without an answer does not count; a backfill without runs that may still be completed in time
--   makes the invariant unknown
-- because: a build that admits a second backfill at that moment does so every time
-- sentence: Backfill {later} of {dag_id} was admitted {after_ms:seconds} after backfill {earlier}, which was still
--   active: {how}.
-- sentence[blocks without runs]: Backfill {backfill_id} of {dag_id} got no runs and was not completed
--   {after_ms:seconds} after its request was {answered}: it blocks the DAG.

-- given
-- Active: created, and not yet completed, or with runs that have not ended or do not exist yet. Cancelled ones end
-- when they are cancelled: their remaining runs no longer count.
CREATE TEMP TABLE active AS
SELECT
  *,
  CASE
    WHEN cancelled THEN completed_ms
    WHEN completed_ms IS NULL OR (runs > 0 AND runs_ended_ms IS NULL) THEN 'infinity'::DOUBLE
    ELSE greatest(completed_ms, runs_ended_ms)
  END AS until_ms,
  CASE
    WHEN cancelled THEN completed_seq
    WHEN completed_ms IS NULL OR (runs > 0 AND runs_ended_ms IS NULL) THEN 9223372036854775807
    ELSE greatest(completed_seq, runs_ended_seq)
  END AS until_seq
FROM backfill_lives;

-- No request that succeeded, or may have, belongs to one without `post`: it was refused, and the row was left behind.
CREATE TEMP TABLE without_runs AS
SELECT *, since_ms + backfill_orphan_ms AS due_ms
FROM (SELECT *, CASE WHEN post IS NULL THEN created_ms ELSE post_ended_ms END AS since_ms FROM active WHERE runs = 0)
CROSS JOIN plan CROSS JOIN (SELECT max(committed_ms) AS last_ms FROM commits);

-- exercised
SELECT count(DISTINCT operations.op)
FROM operations JOIN active USING (dag_id)
WHERE operations.kind = 'backfill' AND operations.outcome <> 'unknown'
  AND operations.op IS DISTINCT FROM active.post
  AND operations.sent_ms >= active.created_ms AND operations.ended_ms <= active.until_ms;

-- violations
SELECT other.created_ms AS at_ms, dag_id, one.backfill_id AS earlier, other.backfill_id AS later,
  format('backfills {} and {} of {}', earlier, later, dag_id) AS subject,
  other.created_ms - one.created_ms AS after_ms,
  -- A request that was sent before the first was committed could not see it.
  CASE WHEN other.post_sent_ms <= one.created_ms THEN 'requested at the same time'
    ELSE 'two active at once' END AS variant,
  -- Until the first of them ends or, if none ends, to the end of the load.
  least(one.until_ms, other.until_ms, load_ended_ms) - other.created_ms AS severity,
  CASE
    WHEN one.completed_seq < other.created_seq THEN 'it had been marked completed although its runs had not ended'
    WHEN other.post_sent_ms <= one.created_ms THEN 'both had been asked for before either was there to be seen'
    ELSE 'it had not been completed'
  END AS how,
  [one.post, other.post] AS operations, [one.created_seq, one.completed_seq, other.created_seq] AS commits
FROM active AS one JOIN active AS other USING (dag_id) CROSS JOIN load
WHERE one.created_seq < other.created_seq AND other.created_seq < one.until_seq
UNION ALL BY NAME
SELECT due_ms AS at_ms, dag_id, backfill_id, 'blocks without runs' AS variant,
  format('backfill {} of {}', backfill_id, dag_id) AS subject, last_ms - since_ms AS severity,
  coalesce(completed_ms, last_ms) - since_ms AS after_ms,
  CASE WHEN post IS NULL THEN 'refused' ELSE 'answered' END AS answered, [post] AS operations, [created_seq] AS commits
FROM without_runs
WHERE coalesce(completed_ms, last_ms) > due_ms AND NOT excused_delay(since_ms, coalesce(completed_ms, last_ms));

-- doubts
SELECT format('backfill {} of {} has no runs, and the record ends {} before it must have been completed', backfill_id,
  dag_id, seconds(due_ms - last_ms))
FROM without_runs WHERE completed_ms IS NULL AND last_ms <= due_ms ORDER BY backfill_id;
