-- The rows of one timeline: `$root` is the violation that it is about, `$members` all violations of its occurrence.
-- Its subject is a task instance where there is one, else a DAG. Taken are the subject's requests and state changes,
-- what operators did to its DAG run, what proves the violations, what PostgreSQL logged of their deadlocks, what each
-- side waited for, what the surviving ones committed, and with what the victim continued.
CREATE TEMP TABLE story AS
WITH members AS (
  SELECT * FROM kept_violations WHERE v IN (SELECT unnest($members::BIGINT[]))
), proof_ops AS (
  SELECT DISTINCT unnest(operations) AS op FROM members
), proof_seqs AS (
  SELECT DISTINCT unnest(commits) AS seq FROM members
), root AS (
  SELECT subject, at_ms FROM members WHERE v = $root
), named AS (
  -- In the order of preference: rows that prove it and are of the subject; the try that was hit; a row that proves it.
  SELECT 0 AS place, dag_id, run_id, task_id, map_index FROM proof_ops JOIN operations USING (op), root
  WHERE subject_of(dag_id, run_id, task_id, map_index) = root.subject
  UNION ALL
  SELECT 0, dag_id, run_id, task_id, map_index FROM proof_seqs JOIN task_instance_changes USING (seq), root
  WHERE subject_of(dag_id, run_id, task_id, map_index) = root.subject
  UNION ALL
  SELECT 1, dag_id, run_id, task_id, map_index FROM task_instance_changes, root
  WHERE subject_of(dag_id, run_id, task_id, map_index) = root.subject
  UNION ALL
  SELECT 2, dag_id, run_id, task_id, map_index FROM proof_ops JOIN operations USING (op)
  UNION ALL
  SELECT 3, dag_id, NULL, NULL, NULL FROM proof_seqs JOIN commits USING (seq) WHERE dag_id IS NOT NULL
), focus AS (
  SELECT dag_id, CASE WHEN task_id IS NOT NULL THEN run_id END AS run_id, task_id, coalesce(map_index, -1) AS map_index
  FROM named WHERE dag_id IS NOT NULL ORDER BY place LIMIT 1
), broken_locks AS (
  SELECT DISTINCT deadlock, at_ms, sides, operation FROM deadlocks
  WHERE at_ms IN (SELECT cause_ms FROM violation_links WHERE key LIKE 'deadlock %' AND v IN (SELECT v FROM members))
), broken_sides AS (
  SELECT deadlock_sides.*, holders.process AS holder
  FROM deadlock_sides SEMI JOIN broken_locks USING (deadlock)
  LEFT JOIN (SELECT deadlock, pid AS blocker, process FROM deadlock_sides) AS holders USING (deadlock, blocker)
), requests AS (
  SELECT operations.*, true AS proves FROM operations SEMI JOIN proof_ops USING (op)
  UNION ALL
  SELECT operations.*, false
  FROM operations JOIN focus ON operations.dag_id = focus.dag_id ANTI JOIN proof_ops USING (op)
  WHERE (focus.task_id IS NOT NULL AND operations.run_id = focus.run_id AND (
      (operations.task_id = focus.task_id AND coalesce(operations.map_index, -1) = focus.map_index)
      OR (kind = 'skip_downstream' AND list_contains(string_split(trim(target), ' '), focus.task_id))
      OR kind IN ('clear', 'mark', 'bulk', 'delete')))
    OR (focus.task_id IS NULL AND actor = 'operator')
), survived AS (
  SELECT seq FROM commits SEMI JOIN broken_sides USING (xid)
), continued AS (
  -- The first that the victim committed for the same run after that.
  SELECT broken_sides.deadlock, min(seq) AS seq
  FROM broken_sides JOIN commits ON commits.writer = broken_sides.process
    AND committed_ms BETWEEN broken_sides.at_ms AND broken_sides.at_ms + 10000
  WHERE is_victim AND starts_with(subject || '/', concat_ws('/', commits.dag_id, commits.run_id, ''))
    AND relation IN ('task_instance', 'dag_run') AND commits.run_id IS NOT NULL
  GROUP BY broken_sides.deadlock
), candidates AS (
  FROM (
    SELECT commits.*, true AS proves FROM commits SEMI JOIN proof_seqs USING (seq)
    UNION ALL
    SELECT commits.*, false
    FROM commits JOIN focus ON commits.dag_id = focus.dag_id ANTI JOIN proof_seqs USING (seq)
    WHERE (focus.task_id IS NOT NULL AND relation IN ('task_instance', 'rendered_task_instance_fields')
        AND commits.run_id = focus.run_id AND commits.task_id = focus.task_id
        AND coalesce(commits.map_index, -1) = focus.map_index)
      OR (focus.task_id IS NULL AND relation IN ('dag_run', 'backfill'))
      OR (focus.task_id IS NOT NULL AND relation = 'dag_version' AND change = 'insert'
        AND EXISTS (FROM broken_locks WHERE abs(broken_locks.at_ms - committed_ms) < 5000))
    UNION ALL
    SELECT commits.*, false
    FROM commits SEMI JOIN (SELECT seq FROM survived UNION SELECT seq FROM continued) AS others USING (seq)
    WHERE relation IN ('task_instance', 'dag_run')
  )
  QUALIFY row_number() OVER (PARTITION BY seq ORDER BY NOT proves) = 1
), states AS (
  -- Heartbeats change a row, too. A new dag_version_id is part of the story where locks are.
  SELECT seq, CASE WHEN old_seen THEN coalesce(old_state, 'none') END AS old_state, old_ti_id,
    old_state IS DISTINCT FROM state OR ti_id <> old_ti_id OR change <> 'update'
      OR coalesce(statement LIKE 'UPDATE task_instance SET %dag_version_id=%'
        AND EXISTS (FROM broken_locks WHERE abs(broken_locks.at_ms - committed_ms) < 5000), false) AS moved
  FROM task_instance_changes JOIN (SELECT seq, statement FROM candidates) USING (seq)
  UNION ALL
  SELECT seq, CASE WHEN old_seen THEN coalesce(old_state, 'none') END, NULL,
    old_state IS DISTINCT FROM state OR change <> 'update'
  FROM dag_run_changes SEMI JOIN candidates USING (seq)
), changes AS (
  SELECT commits.*, states.old_state, states.old_ti_id, count(*) OVER same_change AS alike
  FROM candidates AS commits LEFT JOIN states USING (seq)
  -- What becomes of the row of a former try (from 3.4 on) is no change of the task.
  WHERE proves OR (coalesce(moved, true) AND NOT is_of_former_try("row"))
  WINDOW same_change AS (
    PARTITION BY xid, relation, change, commits.state, old_state,
      CASE WHEN relation = 'dag_run' OR seq IN (FROM survived) THEN NULL ELSE seq END)
  -- A backfill creates hundreds of runs at once, and a scheduler sets many tasks: one stands for all.
  QUALIFY row_number() OVER (same_change ORDER BY NOT proves, seq) = 1
), deaths AS (
  SELECT at_ms, source, message FROM server_log
  WHERE severity = 'FATAL' AND source IN (SELECT subject FROM members)
    AND at_ms IN (SELECT at_ms FROM members)
)
SELECT 'operation' AS source, op AS number, sent_ms AS at_ms, coalesce(ended_ms, sent_ms) AS until_ms, proves,
  to_json(requests) AS row FROM requests
UNION ALL
SELECT 'commit', seq, committed_ms, committed_ms, proves, to_json(struct_pack(
  seq, committed_ms, relation, change, dag_id, run_id, task_id, state, old_state, try_number, backfill_id, id,
  old_ti_id,
  writer, alike, statement, completed := relation = 'backfill' AND (changes.row ->> 'completed_at') IS NOT NULL,
  version := changes.row ->> 'version_number')) FROM changes
UNION ALL
SELECT 'deadlock', 0, at_ms, at_ms, true, to_json(struct_pack(
  operation, processes := list_transform(sides, side -> side.process),
  statement := shortened(sides[1].statement, 200))) FROM broken_locks
UNION ALL
SELECT 'wait', place, coalesce(waited_from_ms, at_ms), at_ms, true, to_json(struct_pack(
  process, action, subject, holder,
  waits_for := coalesce(waits_relation || ' ' || waits_row, 'a row of ' || waits_relation)))
FROM broken_sides
UNION ALL
SELECT 'death', 0, at_ms, at_ms, true,
  to_json(struct_pack(process := source, message := shortened(message, 200))) FROM deaths
UNION ALL
SELECT 'focus', 0, 0, 0, true, to_json(struct_pack(
  task_id, subject := subject_of(dag_id, run_id, task_id, nullif(map_index, -1)))) FROM focus;
