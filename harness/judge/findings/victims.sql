-- `victims`: one row for each violation and each try or DAG run that it affected.
CREATE TEMP TABLE victims AS
WITH named_lives AS (
  -- A request that proves it, from the life that it is about. Of a deadlock, whose subject is processes, the failed
  -- one's.
  SELECT DISTINCT v, lives.life
  FROM (SELECT v, subject, unnest(operations) AS op FROM kept_violations) AS named
  JOIN operations USING (op) JOIN lives ON lives.life = operations.life
  WHERE subject_of(lives.dag_id, lives.run_id, lives.task_id, lives.map_index) = subject OR subject LIKE '% and %'
), by_subject AS (
  -- Without one: the try of that task instance that was under way, else the last one before.
  SELECT kept_violations.v, arg_max(lives.life, lives.handed_ms) AS life
  FROM kept_violations
  JOIN lives ON subject_of(lives.dag_id, lives.run_id, lives.task_id, lives.map_index) = kept_violations.subject
    -- Without tolerance: the next try is handed over some milliseconds after the commit that ends this one.
    AND lives.handed_ms <= kept_violations.at_ms
  WHERE v NOT IN (SELECT v FROM named_lives)
  GROUP BY kept_violations.v
), named_runs AS (
  -- The last of the commits that prove it is the one that violated the invariant.
  SELECT v, arg_max(commits.id, commits.seq) AS dag_run_id
  FROM (SELECT v, unnest(commits) AS seq FROM kept_violations) AS named JOIN commits USING (seq)
  WHERE relation = 'dag_run' AND state = 'running'
  GROUP BY v
)
SELECT v, 'tries' AS unit, life::VARCHAR AS member FROM named_lives
UNION ALL SELECT v, 'tries', life::VARCHAR FROM by_subject
UNION ALL SELECT v, 'DAG runs', dag_run_id FROM named_runs;
