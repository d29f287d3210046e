-- What joins violations: one row for each violation and each of its causes. Two violations with a common key have one
-- cause. Keys are causal, never mere nearness in time: a refused write of rendered fields is no
-- consequence of a skip that met the same task a moment before.
CREATE TEMP TABLE violation_links AS
WITH named_operations AS (
  SELECT v, operations.*
  FROM (SELECT v, unnest(operations) AS op FROM kept_violations) AS named JOIN operations USING (op)
), named_commits AS (
  SELECT v, unnest(commits) AS seq FROM kept_violations
  UNION
  -- A worker's answer about the state of its task follows from the last change of that state.
  SELECT answers.v, changes.seq
  FROM (
    SELECT v, ti_id, ended_ms FROM named_operations
    WHERE outcome = 'refused' AND kind IN ('run', 'heartbeat', 'state') AND ti_id IS NOT NULL
  ) AS answers
  ASOF JOIN (
    SELECT seq, old_ti_id, committed_ms
    FROM task_instance_changes SEMI JOIN named_operations ON named_operations.ti_id = task_instance_changes.old_ti_id
    WHERE old_ti_id IS NOT NULL AND (state IS DISTINCT FROM old_state OR ti_id <> old_ti_id OR change = 'delete')
  ) AS changes
    ON changes.old_ti_id = answers.ti_id AND answers.ended_ms + clock_tolerance_ms() >= changes.committed_ms
), actions AS (
  -- A request's transaction is one action, whatever rows it changes. A scheduler's examines many DAG runs, each
  -- one action.
  SELECT v, committed_ms,
    format('transaction {} {}', xid, CASE
      WHEN coalesce(role_of(writer), 'scheduler') = 'scheduler' THEN concat_ws('/', dag_id, run_id) ELSE '' END) AS key
  FROM named_commits JOIN commits USING (seq)
), broken_locks AS (
  SELECT row_number() OVER (ORDER BY at_ms, victim) AS deadlock, at_ms, sides, operation FROM deadlocks
), locked AS (
  SELECT v, deadlock FROM kept_violations JOIN broken_locks USING (at_ms) WHERE invariant = 'no-deadlocks'
  UNION
  -- A request that failed because PostgreSQL cancelled a statement of its API server, logged within 2 s of the answer:
  -- the one that names the request's task. Where the client writes placeholders, it names none; then the nearest one.
  SELECT failed.v, arg_min(deadlock, (
    CASE
      WHEN broken_locks.operation = failed.op THEN 0
      WHEN len(list_filter(broken_locks.sides, side ->
        names_request(side, failed.kind, failed.ti_id, failed.task_id, failed.run_id))) > 0 THEN 1
      ELSE 2 END,
    abs(broken_locks.at_ms - failed.ended_ms)))
  FROM (SELECT * FROM named_operations WHERE status >= 500) AS failed
  JOIN (
    SELECT *, floor(at_ms / deadlock_answer_ms())::BIGINT + unnest([-1, 0, 1]) AS step FROM broken_locks
  ) AS broken_locks
    ON broken_locks.step = floor(failed.ended_ms / deadlock_answer_ms())::BIGINT
    AND abs(broken_locks.at_ms - failed.ended_ms) <= deadlock_answer_ms() AND (
      broken_locks.operation = failed.op
      OR (sides[1].process NOT LIKE 'wt-scheduler%' AND (
        names_request(sides[1], failed.kind, failed.ti_id, failed.task_id, failed.run_id)
        OR regexp_matches(sides[1].statement, '= ?(\$\d|%s)'))))
  GROUP BY failed.v, failed.op
  UNION
  -- A process that dies of a cancelled statement is gone within seconds: it must end its children first.
  SELECT v, max(deadlock)
  FROM kept_violations JOIN broken_locks
    ON sides[1].process = 'wt-' || subject AND kept_violations.at_ms BETWEEN broken_locks.at_ms - clock_tolerance_ms()
      AND broken_locks.at_ms + 15000
  WHERE invariant = 'processes-stay-alive'
  GROUP BY v
)
SELECT v, 'operation ' || op AS key, NULL::DOUBLE AS cause_ms FROM named_operations
UNION ALL SELECT v, key, min(committed_ms) FROM actions GROUP BY v, key
UNION ALL SELECT v, 'deadlock ' || deadlock, at_ms FROM locked JOIN broken_locks USING (deadlock);
