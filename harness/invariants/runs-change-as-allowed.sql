-- claim: A DAG run is started and ended only by a scheduler or by an operator's action, and it ends only when all of
--   its tasks have ended.
-- title: A DAG run was started by the wrong process, or ended too early
-- source: `_start_queued_dagruns` and `DagRun.update_state`; the public API clears, marks and deletes runs; workers
--   trigger and clear them, and do nothing else to them
-- needs: commits, writers
-- exercised-by: runs that were started or ended
-- min-exercised: 10
-- cut-off: each change is judged as it is committed
-- because: there are two kinds of change, and each run makes both
-- sentence: {writer} changed the run {run_id} of {dag_id} from {from_state} to {to_state}, which no {kind} may do.
-- sentence[ended with unfinished tasks]: {writer} set the run {run_id} of {dag_id} to {to_state} while {unfinished} of
--   its task instances had not ended: {task} was {task_state}.
-- sentence[taken for stuck]: {writer} set the run {run_id} of {dag_id} to {to_state} while {unfinished} of its task
--   instances had not ended: {task} was {task_state}, and the others it had just skipped, because a branch had not
--   followed them.

-- given
CREATE TEMP TABLE allowed AS
SELECT writer_role, unnest(string_split(old_states, ' ')) AS old_state, string_split(states, ' ') AS states
FROM (VALUES
  ('scheduler', 'absent', 'queued running'),
  ('scheduler', 'queued', 'running'),
  ('scheduler', 'running', 'success failed'),
  ('api-core', 'absent', 'queued running'),
  ('api-core', 'queued running success failed', 'queued success failed absent'),
  ('api-execution', 'absent', 'queued'),
  ('api-execution', 'success failed', 'queued'),
  ('triggerer', '', ''),
  ('dag-processor', '', '')
) AS rules (writer_role, old_states, states);

CREATE TEMP TABLE changed AS
SELECT * REPLACE (
  CASE WHEN change = 'insert' THEN 'absent' ELSE coalesce(old_state, 'none') END AS old_state,
  CASE WHEN change = 'delete' THEN 'absent' ELSE coalesce(state, 'none') END AS state)
FROM dag_run_changes
WHERE old_seen AND (state IS DISTINCT FROM old_state OR change <> 'update')
  AND writer_role IN (SELECT writer_role FROM allowed);

CREATE TEMP TABLE ends AS
SELECT * FROM changed WHERE writer_role = 'scheduler' AND state IN ('success', 'failed');

-- exercised
SELECT count(*) FROM changed WHERE state IN ('running', 'success', 'failed');

-- violations
WITH last_states AS (
  -- Of each task instance of the run, as it was when the run ended.
  SELECT ends.seq, tis.task_id, tis.map_index,
    arg_max_null(tis.state, tis.seq) AS state, arg_max(tis.change, tis.seq) AS change, max(tis.seq) AS ti_seq
  FROM ends JOIN task_instance_changes AS tis
    ON tis.dag_id = ends.dag_id AND tis.run_id = ends.run_id AND tis.seq < ends.seq
  GROUP BY ALL
), stragglers AS (
  SELECT last_states.seq, count(*) AS unfinished, min(ti_seq) AS ti_seq,
    arg_min(subject_of(NULL, NULL, task_id, map_index), ti_seq) AS task,
    arg_min_null(last_states.state, ti_seq) AS state
  FROM last_states JOIN ends USING (seq)
  WHERE NOT is_end_state(last_states.state) AND last_states.change <> 'delete'
    -- The scheduler had read tasks as ended that an operator cleared at that moment, or while a fault held it up.
    AND NOT EXISTS (
      FROM task_instance_changes AS action
      WHERE action.dag_id = ends.dag_id AND action.run_id = ends.run_id AND action.writer_role = 'api-core'
        AND action.committed_ms <= ends.committed_ms
        AND (action.committed_ms >= ends.committed_ms - 5000
          OR (action.committed_ms >= ends.committed_ms - 60000 AND met_fault(action.committed_ms, ends.committed_ms))))
  GROUP BY last_states.seq
), stuck AS (
  -- A scheduler takes a run for stuck if nothing can be scheduled, and skips what a branch did not follow as it looks.
  SELECT ends.seq, min(skipped.seq) AS skip_seq
  FROM ends JOIN task_instance_changes AS skipped USING (xid, dag_id, run_id)
  JOIN not_followed ON not_followed.seq = skipped.seq
  GROUP BY ends.seq
)
SELECT *, format('{}: {} → {}', writer_role, old_state, state) AS variant, [seq] AS commits, 1 AS severity,
  upper(old_state) AS from_state, upper(state) AS to_state,
  CASE writer_role WHEN 'api-execution' THEN 'worker''s request' WHEN 'api-core' THEN 'operator'
    ELSE writer_role END AS kind
FROM changed
WHERE NOT EXISTS (
  FROM allowed
  WHERE allowed.writer_role = changed.writer_role AND allowed.old_state = changed.old_state
    AND list_contains(allowed.states, changed.state))
UNION ALL BY NAME
SELECT ends.*, CASE WHEN skip_seq IS NULL THEN 'ended with unfinished tasks' ELSE 'taken for stuck' END AS variant,
  [coalesce(skip_seq, ti_seq), ends.seq] AS commits, unfinished AS severity,
  upper(ends.state) AS to_state, unfinished, task, state_name(stragglers.state) AS task_state
FROM ends JOIN stragglers USING (seq) LEFT JOIN stuck USING (seq);
