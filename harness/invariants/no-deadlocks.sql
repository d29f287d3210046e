-- claim: PostgreSQL reports no deadlock.
-- title: PostgreSQL detected a deadlock
-- known-issues: #66734
-- source: issue #66734: a worker's end report and the scheduler lock dag_run and task_instance in opposite orders
-- needs: server_log, operations, commits
-- exercised-by: end reports accepted within 5 s after a new version of their DAG
-- min-exercised: 20
-- cut-off: a report without an answer does not count
-- because: by hand, 3.2.1 deadlocked 8 times in a minute of churn, which gives hundreds of such reports; a run with
--   fewer than 20 hardly tried
-- without-clocks: PostgreSQL names each deadlock, whenever it was; only the request that it failed is found by time
-- despite-gaps: PostgreSQL counts each deadlock, also those that are not in the part of its log that was read
-- sentence: PostgreSQL detected a deadlock of {parties|processes that its log does not name}; it cancelled the
--   statement of {victim_process}[, and the request {kind}{of_what} was answered {status}].
-- sentence[not in the log]: PostgreSQL counted {missing} deadlocks more than the {named} that its log names.

-- exercised
WITH versions AS (
  SELECT dag_id, committed_ms FROM commits
  WHERE relation = 'dag_version' AND change = 'insert' AND try_cast("row" ->> 'version_number' AS INTEGER) > 1
)
SELECT count(*)
FROM (SELECT dag_id, ended_ms FROM operations WHERE kind = 'state' AND outcome = 'ok') AS reports
ASOF JOIN versions ON versions.dag_id = reports.dag_id AND reports.ended_ms >= versions.committed_ms
WHERE reports.ended_ms - versions.committed_ms <= 5000;

-- violations
WITH counted AS (
  SELECT max(value) AS deadlocks, arg_min(at_ms, (-value, at_ms)) AS seen_ms FROM samples WHERE metric = 'deadlocks'
), named AS (
  SELECT count(*) AS deadlocks FROM logged_deadlocks
)
SELECT at_ms, list_aggregate(list_transform(sides, side -> side.process), 'string_agg', ' and ') AS subject,
  CASE
    -- SQLAlchemy chooses the order of the columns.
    -- Often more than two processes are involved: several end reports queue for the same dag_run row.
    WHEN roles LIKE '%api-execution%' AND roles LIKE '%scheduler%'
      AND fingerprint LIKE '%scheduler: UPDATE task_instance SET %dag_version_id%'
      THEN 'state PATCH × dag_version UPDATE'
    -- A scheduler that examines a run holds its row: it does not wait to update it, and no other scheduler schedules
    -- the tasks of that run.
    WHEN fingerprint LIKE '%scheduler: UPDATE dag_run SET %last_scheduling_decision%'
      OR regexp_full_match(fingerprint,
        '(scheduler: UPDATE task_instance SET (dag_version_id|scheduled_dttm, state, try_number)( × )?)+')
      THEN 'run examined without its lock'
    WHEN fingerprint LIKE
      'api-core: SELECT FROM task_instance FOR UPDATE × scheduler: UPDATE task_instance SET %dag_version_id%'
      THEN 'marks × dag_version UPDATE'
    -- A clear archives the try before it locks the task; the end of the try holds the lock, and archives it, too.
    WHEN fingerprint LIKE 'api-core: INSERT INTO task_instance_history %: INSERT INTO task_instance_history %'
      THEN 'one try archived twice'
    -- So does a scheduler with the tasks that it fails because they sent no heartbeat.
    WHEN fingerprint LIKE
      'api-execution: INSERT INTO task_instance_history % × scheduler: INSERT INTO task_instance_history %'
      THEN 'silent try archived twice'
    -- A scheduler loop writes a row of `dag` for each run that ends, in the order of the runs.
    WHEN fingerprint LIKE '%scheduler: UPDATE dag SET exceeds_max_non_backfill%' THEN 'rows of dag'
    -- A clear locks the run and then its tasks, a delete the tasks and then their run.
    WHEN fingerprint LIKE 'api-core: DELETE FROM dag_run % × api-core: INSERT INTO task_instance_history %'
      THEN 'delete × clear'
    -- One row for each DAG that waits for an asset, in the order of a set.
    WHEN regexp_full_match(fingerprint,
      '((api-execution|api-core|triggerer): INSERT INTO asset_dag_run_queue [^×]*( × )?)+') THEN 'DAGs of one asset'
    ELSE roles
  END AS variant,
  len(sides) AS severity, parties, sides[1].process AS victim_process, answer.op, answer.kind, answer.status,
  coalesce(' for ' || nullif(subject_of(answer.dag_id, answer.run_id, answer.task_id, answer.map_index), ''), '')
    AS of_what
FROM deadlocks LEFT JOIN operations AS answer ON answer.op = deadlocks.operation
LEFT JOIN (
  SELECT deadlock, string_agg(process || coalesce(', which ' || action || coalesce(' for ' || subject, ''), ''),
    ', and ' ORDER BY place) AS parties
  FROM deadlock_sides GROUP BY deadlock
) AS named_sides USING (deadlock)
-- The recorder's own triggers lock tables, too, and a fault's bystander rows: that says nothing about Airflow.
WHERE origin = 'stack'
  AND len(list_filter(sides, side -> side.process LIKE 'wt-harness%' OR side.process = 'wt-bystander')) = 0
UNION ALL BY NAME
SELECT seen_ms AS at_ms, 'PostgreSQL' AS subject, 'not in the log' AS variant, 0 AS severity,
  (counted.deadlocks - named.deadlocks)::BIGINT AS missing, named.deadlocks AS named
FROM counted, named, manifest WHERE counted.deadlocks > named.deadlocks AND NOT coalesce(used_by_others, false);

-- doubts
FROM deadlocks_in_doubt;
