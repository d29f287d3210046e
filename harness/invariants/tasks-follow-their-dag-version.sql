-- claim: When a scheduler moves a DAG run to a new version of its DAG, each task of the run that has not ended moves,
--   too.
-- title: A task was queued with an old version of its DAG after its run had been moved to a new one
-- known-issues: #72153
-- source: `_verify_integrity_if_dag_changed` sets the latest version on all unfinished task instances of a run, and
--   does not look again once one has it; issue #72153: since 3.2.0 it leaves out tasks without a state
-- needs: commits, writers
-- exercised-by: tasks that were queued after their run had been moved, and had not ended by then
-- min-exercised: 20
-- cut-off: each queueing is judged as it is committed
-- because: of the tasks that wait in a run when it is moved most have no state yet, and all of these are left out
-- sentence: {writer} queued {subject} with version {version} of its DAG, {after_ms:seconds} after {mover} had moved the
--   run to version {moved_version}; the task {was} then.

-- given
CREATE TEMP TABLE versions AS
SELECT id, max(version) AS version
FROM (
  SELECT id, try_cast("row" ->> '$.version_number' AS INTEGER) AS version FROM commits
  WHERE relation = 'dag_version' AND change <> 'delete'
  UNION ALL
  SELECT id, try_cast(version_number AS INTEGER) FROM final_dag_version
)
GROUP BY id;

-- What became of the tasks of DAGs that got a new version; heartbeats are most of all changes, and change neither.
CREATE TEMP TABLE steps AS
SELECT seq, xid, committed_ms, change, dag_id, run_id, task_id, map_index, old_state, state, writer, writer_role,
  version,
  lag(version) OVER (PARTITION BY dag_id, run_id, task_id, map_index ORDER BY seq) AS old_version
FROM task_instance_changes
JOIN (
  SELECT seq, "row" ->> '$.dag_version_id' AS id FROM commits
  WHERE relation = 'task_instance' AND dag_id IN (
    SELECT dag_id FROM commits
    WHERE relation = 'dag_version' AND change = 'insert' AND try_cast("row" ->> '$.version_number' AS INTEGER) > 1)
) AS written USING (seq)
JOIN versions USING (id)
WHERE NOT coalesce(is_heartbeat, false);

CREATE TEMP TABLE moves AS
SELECT dag_id, run_id, xid, min(seq) AS seq, max(version) AS moved_version, min(committed_ms) AS moved_ms,
  any_value(writer) AS mover
FROM steps WHERE change = 'update' AND writer_role = 'scheduler' AND version > old_version GROUP BY ALL;

-- Each queueing with the last move of its run before it, and what the task was at that moment.
CREATE TEMP TABLE followed AS
WITH queued AS (
  SELECT steps.*, moves.seq AS move_seq, moved_version, moved_ms, mover
  FROM (FROM steps WHERE state = 'queued' AND old_state IS DISTINCT FROM 'queued') AS steps
  ASOF JOIN moves ON moves.dag_id = steps.dag_id AND moves.run_id = steps.run_id AND steps.seq > moves.seq
)
SELECT queued.*, before.state AS state_then
FROM queued ASOF JOIN steps AS before
  ON before.dag_id = queued.dag_id AND before.run_id = queued.run_id AND before.task_id = queued.task_id
  AND before.map_index = queued.map_index AND queued.move_seq > before.seq
WHERE before.change <> 'delete' AND NOT is_end_state(before.state)
  -- An operator may have cleared it while the scheduler was at it: then it had ended when the scheduler read it.
  AND NOT coalesce(before.writer_role = 'api-core' AND before.committed_ms >= moved_ms - 5000
    AND before.change = 'update', false);

-- exercised
SELECT count(*) FROM followed;

-- violations
SELECT *,
  CASE WHEN state_then IS NULL THEN 'without a state' WHEN state_then = 'up_for_retry' THEN 'at its next try'
    ELSE 'with a state' END AS variant, moved_version - version AS severity,
  committed_ms - moved_ms AS after_ms, [move_seq, seq] AS commits,
  CASE WHEN state_then IS NULL THEN 'had no state' ELSE 'was ' || state_name(state_then) END AS was
FROM followed WHERE version < moved_version;
