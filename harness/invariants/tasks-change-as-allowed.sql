-- claim: Each process makes only the changes of a task instance's state that it may make: workers' reports start and
--   end what was queued, schedulers schedule, queue and clean up, the triggerer resumes, operators clear and mark.
-- title: A process made a change of a task’s state that it must not make
-- source: the writers of `task_instance.state` in 3.1 to 3.3: the Execution API's task_instances.py,
--   jobs/scheduler_job_runner.py, models/dagrun.py, models/trigger.py, and the public API's clear and patch
-- needs: commits, writers
-- exercised-by: changes of state with a known writer
-- min-exercised: 100
-- cut-off: each change is judged as it is committed
-- because: a process that makes a forbidden change makes it each time it takes that code path, and it has few of them
-- sentence: {writer} {did}.

-- given
-- One row: this process may change a task instance from one of these states to one of those. Whether it had a cause in
-- this case is judged by other invariants. Operators (api-core) may do all but act as worker or scheduler.
CREATE TEMP TABLE allowed AS
SELECT writer_role, unnest(string_split(old_states, ' ')) AS old_state, string_split(states, ' ') AS states
FROM (VALUES
  -- Workers: /run, the end report, and skip-downstream, which must not change running or ended tasks.
  ('api-execution', 'queued restarting', 'running'),
  ('api-execution', 'running', 'success failed skipped up_for_retry up_for_reschedule deferred awaiting_input'),
  ('api-execution', 'none scheduled queued up_for_retry up_for_reschedule deferred awaiting_input restarting '
    || 'upstream_failed removed', 'skipped'),
  -- schedule_tis, and what a task's upstreams decide about it.
  ('scheduler', 'none up_for_retry up_for_reschedule', 'scheduled success upstream_failed skipped removed'),
  ('scheduler', 'removed', 'none'),
  -- The critical section, which resets tasks for which it finds no DAG or executor.
  ('scheduler', 'scheduled', 'queued none failed'),
  -- Stuck in QUEUED, taken from a scheduler that died, ended as the executor says but not as the database does, or
  -- silent.
  ('scheduler', 'queued', 'scheduled'),
  ('scheduler', 'queued running restarting', 'none'),
  ('scheduler', 'scheduled queued running restarting', 'failed up_for_retry'),
  -- A trigger that did not fire in time, an answer that did not come.
  ('scheduler', 'deferred awaiting_input', 'scheduled'),
  -- An event may resume a task or, if its trigger says so, end it.
  ('triggerer', 'deferred', 'scheduled success failed skipped'),
  ('api-core', 'none scheduled queued running restarting success failed skipped upstream_failed removed up_for_retry '
    || 'up_for_reschedule deferred awaiting_input', 'none restarting success failed skipped'),
  ('api-core', 'awaiting_input deferred', 'scheduled'),
  ('dag-processor', '', '')
) AS rules (writer_role, old_states, states);

CREATE TEMP VIEW changed AS
SELECT * REPLACE (coalesce(old_state, 'none') AS old_state, coalesce(state, 'none') AS state)
FROM task_instance_changes
WHERE change = 'update' AND old_seen AND state IS DISTINCT FROM old_state
  AND writer_role IN (SELECT writer_role FROM allowed);

-- exercised
SELECT count(*) FROM changed;

-- violations
WITH forbidden_kinds AS (
  -- Few, where there are millions of changes.
  FROM (SELECT DISTINCT writer_role, old_state, state FROM changed) AS kinds
  WHERE NOT EXISTS (
    FROM allowed
    WHERE allowed.writer_role = kinds.writer_role AND allowed.old_state = kinds.old_state
      AND list_contains(allowed.states, kinds.state))
), forbidden AS (
  SELECT * FROM changed SEMI JOIN forbidden_kinds USING (writer_role, old_state, state)
), sent AS (
  SELECT seq, statement FROM commits SEMI JOIN forbidden USING (seq)
)
SELECT *, format('{}: {} → {}', writer_role, old_state, state) AS variant, committed_ms - old_since_ms AS severity,
  format('changed {} from {} to {}, which no {} may do («{}»)', subject_of(dag_id, run_id, task_id, map_index),
    state_name(old_state), state_name(state),
    CASE writer_role WHEN 'api-execution' THEN 'worker''s request' WHEN 'api-core' THEN 'operator'
      ELSE writer_role END, shortened(coalesce(statement, ''), 100)) AS did
FROM forbidden JOIN sent USING (seq)
UNION ALL BY NAME
SELECT *, format('{}: made {}', writer_role, state) AS variant, 0 AS severity,
  format('made {}, and it was {} from the beginning', subject_of(dag_id, run_id, task_id, map_index),
    state_name(state)) AS did
FROM task_instance_changes
WHERE change = 'insert' AND state IS NOT NULL AND writer_role IN (SELECT writer_role FROM allowed);
