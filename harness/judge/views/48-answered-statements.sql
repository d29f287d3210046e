-- One row: an error that the fault `answer-sqlstate` answered in the place of a statement, and that PostgreSQL itself
-- never had; or with which it refused a new session, then without `statement`. `is_retryable`: the same again may
-- succeed at once, after a deadlock, a serialization failure or a lock time-out. `op` is the request that met it: the
-- one that the statement names by its ids; where it names none, as with parameters, one that was then answered 5xx, or
-- the only one that was under way in such a process.
CREATE OR REPLACE TABLE answered_statements AS
WITH answered AS (
  SELECT row_number() OVER (ORDER BY at_ms, pid, statement) AS answer, at_ms, pid, application_name AS process,
    sqlstate, statement, sqlstate IN ('40001', '40P01', '55P03') AS is_retryable
  FROM server_log WHERE source = 'wire'
), under_way AS (
  SELECT answer, op,
    coalesce(contains(statement, ti_id), false)
      -- With its DAG: runs of two backfills have the same names.
      OR coalesce(contains(statement, task_id) AND contains(statement, run_id)
        AND contains(statement, '''' || dag_id || ''''), false)
      -- Old fields of a task are deleted whichever run they are of.
      OR coalesce(kind = 'rtif' AND starts_with(statement, 'DELETE') AND contains(statement, '''' || dag_id || '''')
        AND contains(statement, '''' || task_id || ''''), false)
      -- A new run or backfill has no name yet; other actions of operators are about all tasks of a run.
      OR coalesce(kind IN ('trigger', 'backfill') AND contains(statement, dag_id), false)
      OR coalesce(actor = 'operator' AND contains(statement, run_id), false) AS is_named,
    regexp_matches(statement, '[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}') AS names_one
  FROM answered JOIN (
    -- By the second, so that those of one moment meet without being compared with all others.
    SELECT *, unnest(range(
      floor(sent_ms / 1000)::BIGINT, floor(coalesce(ended_ms, sent_ms) / 1000)::BIGINT + 1)) AS second
    FROM operations WHERE (SELECT count(*) FROM answered) > 0
  ) AS requests ON requests.second = floor(answered.at_ms / 1000)::BIGINT
    -- Both are times of the harness.
    AND at_ms BETWEEN sent_ms AND coalesce(ended_ms, sent_ms)
    AND role_of(process) = CASE actor WHEN 'operator' THEN 'api-core' ELSE 'api-execution' END
), paired AS (
  -- Of two requests about one task, each met an error of its own: the first to end met the first.
  SELECT answer, op
  FROM under_way JOIN operations USING (op) JOIN answered USING (answer)
  WHERE is_named OR (status >= 500 AND NOT names_one
    AND answer NOT IN (SELECT answer FROM under_way WHERE is_named))
  QUALIFY row_number() OVER (PARTITION BY op ORDER BY answered.at_ms, answer)
    = row_number() OVER (PARTITION BY answer ORDER BY ended_ms, op)
), met AS (
  SELECT answer, CASE WHEN bool_or(is_named)
      THEN coalesce((SELECT min(op) FROM paired WHERE paired.answer = under_way.answer), min(op) FILTER (is_named))
    WHEN coalesce(bool_or(names_one), false) THEN NULL
    ELSE coalesce((SELECT min(op) FROM paired WHERE paired.answer = under_way.answer),
      CASE WHEN count(*) = 1 THEN min(op) END) END AS op
  FROM under_way GROUP BY answer
)
SELECT answered.*, met.op FROM answered LEFT JOIN met USING (answer) ORDER BY answer;
