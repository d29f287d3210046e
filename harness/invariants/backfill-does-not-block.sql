-- claim: A backfill without runs stops blocking its DAG in bounded time, and two backfills of one DAG are never
--   active at once.
-- title: A backfill blocked its DAG, or let a second one in
-- known-issues: #62561
-- source: issue #62561; POST /backfills answers 409 while a backfill of the DAG is running
-- needs: commits, operations
-- exercised-by: backfills requested while another one of the same DAG was active
-- min-exercised: 1
-- because: a build that admits a second one at that moment does so every time

-- given
-- Active: created, and not yet completed, or with runs that have not ended or do not exist yet. Cancelled ones end
-- with the cancelling: what is left of their runs no longer counts as the backfill.
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

-- exercised
SELECT count(DISTINCT operations.op)
FROM operations JOIN active USING (dag_id)
WHERE operations.kind = 'backfill' AND operations.outcome <> 'unknown'
  AND operations.op IS DISTINCT FROM active.post
  AND operations.sent_ms >= active.created_ms AND operations.ended_ms <= active.until_ms;

-- violations
SELECT
  other.created_ms AS at_ms,
  format('backfills {} and {} of {}', one.backfill_id, other.backfill_id, one.dag_id) AS subject,
  -- Nobody who was asked before the first was committed could see it.
  CASE WHEN other.post_sent_ms <= one.created_ms THEN 'asked for at once' ELSE 'two active at once' END AS variant,
  -- Until the first of them ends; with no end in sight, as long as the record tells.
  least(one.until_ms, other.until_ms, load_ended_ms) - other.created_ms AS severity,
  format('Backfill {} of {} was admitted {} after backfill {}, which was still active: ', other.backfill_id, one.dag_id,
    seconds(other.created_ms - one.created_ms), one.backfill_id)
    || CASE
      WHEN one.completed_seq < other.created_seq
        THEN 'it had been marked completed although its runs had not ended.'
      WHEN other.post_sent_ms <= one.created_ms
        THEN 'both had been asked for before either was there to be seen.'
      ELSE 'it had not been completed.'
    END AS sentence,
  list_filter([one.post, other.post], op -> op IS NOT NULL) AS operations,
  list_filter([one.created_seq, one.completed_seq, other.created_seq], seq -> seq IS NOT NULL) AS commits
FROM active AS one JOIN active AS other USING (dag_id) CROSS JOIN load
WHERE one.created_seq < other.created_seq AND other.created_seq < one.until_seq
UNION ALL
SELECT
  since_ms + backfill_orphan_ms, format('backfill {} of {}', backfill_id, dag_id), 'blocks without runs',
  last_ms - since_ms,
  format('Backfill {} of {} got no runs and was not completed {} after its request was ', backfill_id, dag_id,
    seconds(coalesce(completed_ms, last_ms) - since_ms))
    || CASE WHEN post IS NULL THEN 'refused' ELSE 'answered' END || ': it blocks the DAG.',
  list_filter([post], op -> op IS NOT NULL), [created_seq]
FROM (
  -- No request that succeeded, or may have, belongs to it: it was refused, and the row was left behind.
  SELECT *, CASE WHEN post IS NULL THEN created_ms ELSE post_ended_ms END AS since_ms FROM active WHERE runs = 0
)
CROSS JOIN plan CROSS JOIN (SELECT max(committed_ms) AS last_ms FROM commits)
WHERE coalesce(completed_ms, last_ms) > since_ms + backfill_orphan_ms;
