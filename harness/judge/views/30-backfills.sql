-- One row: a committed change of a backfill. `completed` is true on the change that completed it.
CREATE OR REPLACE VIEW backfill_changes AS
SELECT
  * EXCLUDE (old_completed_at),
  completed_at IS NOT NULL AND old_completed_at IS NULL AND change <> 'delete' AS completed
FROM (
  SELECT
    seq, xid, committed_ms, change,
    coalesce(backfill_id, try_cast(id AS BIGINT)) AS backfill_id,
    dag_id,
    "row" ->> 'completed_at' AS completed_at,
    lag("row" ->> 'completed_at') OVER (PARTITION BY id ORDER BY seq) AS old_completed_at,
    coalesce(try_cast("row" ->> 'is_paused' AS BOOLEAN), false) AS is_paused,
    writer, role_of(writer) AS writer_role, writer_pid, statement
  FROM commits
  WHERE relation = 'backfill'
);

-- One row: a backfill from its first commit to its end, with the request that created it.
-- `post_*` is the POST whose answer named this backfill or, where no answer named it (a time-out), the one for the
-- same DAG that was under way when the row was committed. `runs_ended_ms` is NULL while one of its runs has not ended.
CREATE OR REPLACE VIEW backfill_lives AS
WITH created AS (
  SELECT backfill_id, dag_id, committed_ms AS created_ms, seq AS created_seq
  FROM backfill_changes WHERE change = 'insert'
), completed AS (
  SELECT
    backfill_id, min(committed_ms) AS completed_ms, min(seq) AS completed_seq,
    arg_min(writer, seq) AS completed_by,
    -- Cancelling pauses the backfill and completes it; schedulers never complete a paused one that way.
    -- A server that could not create the runs takes the row away again (3.3.2), which ends it as cancelling does.
    bool_or(change = 'delete' OR writer_role = 'api-core' OR (writer_role IS NULL AND is_paused)) AS cancelled
  FROM backfill_changes WHERE completed OR change = 'delete' GROUP BY ALL
), first_ends AS (
  -- Its first end: a run that an operator clears later does not reopen the backfill.
  SELECT
    dag_run_id, max(backfill_id) AS backfill_id,
    min(committed_ms) AS first_ms, min(seq) AS first_seq,
    min(committed_ms) FILTER (state IN ('success', 'failed')) AS ended_ms,
    min(seq) FILTER (state IN ('success', 'failed')) AS ended_seq
  FROM dag_run_changes GROUP BY dag_run_id HAVING max(backfill_id) IS NOT NULL
), runs AS (
  SELECT
    backfill_id, count(*) AS runs, min(first_ms) AS first_run_ms, max(first_ms) AS last_run_ms,
    CASE WHEN count(ended_ms) = count(*) THEN max(ended_ms) END AS runs_ended_ms,
    CASE WHEN count(ended_seq) = count(*) THEN max(ended_seq) END AS runs_ended_seq
  FROM first_ends GROUP BY backfill_id
), posts AS (
  SELECT op, dag_id, sent_ms, ended_ms, outcome, try_cast(target AS BIGINT) AS backfill_id
  FROM operations WHERE kind = 'backfill'
), matched AS (
  SELECT created.backfill_id, posts.*
  FROM created JOIN posts ON posts.dag_id = created.dag_id
    AND (posts.backfill_id = created.backfill_id
      OR (posts.backfill_id IS NULL AND posts.outcome <> 'refused'
        AND may_have_committed(posts.sent_ms, posts.ended_ms, posts.outcome, created.created_ms)))
  QUALIFY row_number() OVER (
    PARTITION BY created.backfill_id ORDER BY posts.backfill_id NULLS LAST, posts.sent_ms DESC, posts.op) = 1
)
SELECT
  created.*, completed.* EXCLUDE (backfill_id, cancelled), coalesce(completed.cancelled, false) AS cancelled,
  coalesce(runs.runs, 0) AS runs, runs.* EXCLUDE (backfill_id, runs),
  matched.op AS post, matched.sent_ms AS post_sent_ms, matched.ended_ms AS post_ended_ms,
  matched.outcome AS post_outcome
FROM created
LEFT JOIN completed USING (backfill_id)
LEFT JOIN runs USING (backfill_id)
LEFT JOIN matched USING (backfill_id);
