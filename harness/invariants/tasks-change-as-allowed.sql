-- claim: Each process makes only the changes of a task instance's state that it may make: workers' reports start and
--   end what was queued, schedulers schedule, queue and clean up, the triggerer resumes, operators clear and mark; and
--   what a scheduler cleans up has a cause.
-- title: A process made a change of a task’s state that it must not make
-- known-issues: #66374, #67287, #71172
-- source: the writers of `task_instance.state` in 3.1 to 3.4: the Execution API's task_instances.py,
--   jobs/scheduler_job_runner.py, models/dagrun.py, models/trigger.py, and the public API's clear and patch
-- needs: commits, writers
-- exercised-by: changes of state with a known writer
-- min-exercised: 100
-- cut-off: each change is judged as it is committed
-- because: a process that makes a forbidden change makes it each time it takes that code path, and it has few of them
-- sentence: {writer} {did}.

-- given
-- One row: this process may change a task instance from one of these states to one of those. Operators (api-core) may
-- do all but act as worker or scheduler. What a scheduler does to waiting tasks needs a cause (`without_cause`).
-- Whether a running one was taken from its worker, running-is-not-overwritten judges.
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
) AS rules (writer_role, old_states, states)
UNION ALL
-- From 3.4 on a worker that has stopped says so, and its task is released for the next try.
SELECT 'api-execution', 'restarting', ['none'] WHERE row_a_try();

CREATE TEMP VIEW changed AS
SELECT * REPLACE (coalesce(old_state, 'none') AS old_state, coalesce(state, 'none') AS state)
FROM task_instance_changes
WHERE change = 'update' AND old_seen AND state IS DISTINCT FROM old_state
  AND writer_role IN (SELECT writer_role FROM allowed);

-- One row: a change of a waiting task by which a scheduler gives it up, or takes it back, and that nothing explains.
CREATE TEMP TABLE without_cause AS
WITH given_up AS (
  -- One transaction may give the row its next id before it gives the task up.
  SELECT * EXCLUDE (renewed_seq, first_ti_id)
    REPLACE (CASE WHEN renewed_seq < seq THEN first_ti_id ELSE old_ti_id END AS old_ti_id)
  FROM changed LEFT JOIN renewals USING (xid, dag_id, run_id, task_id, map_index)
  WHERE writer_role = 'scheduler' AND ((old_state IN ('scheduled', 'queued') AND state IN ('failed', 'up_for_retry'))
    OR (old_state = 'queued' AND state = 'scheduled'))
), queued AS (
  -- Not since its last change: an executor's id, for instance, is written later.
  SELECT given_up.seq, given_up.committed_ms - arrival.committed_ms AS queued_ms
  FROM given_up ASOF JOIN (
    SELECT seq, committed_ms, ti_id
    FROM task_instance_changes SEMI JOIN (SELECT old_ti_id AS ti_id FROM given_up) USING (ti_id)
    WHERE state = 'queued' AND old_state IS DISTINCT FROM 'queued'
  ) AS arrival ON arrival.ti_id = given_up.old_ti_id AND given_up.seq > arrival.seq
  WHERE given_up.old_state = 'queued'
), lost AS (
  -- Its executor had a worker of this try that is gone. One that reported its end, and was accepted, was not lost: what
  -- its executor says of it later (after a deferral, for instance) is no cause.
  SELECT DISTINCT seq
  FROM given_up JOIN lives ON lives.ti_id = old_ti_id
  WHERE given_up.state <> 'scheduled' AND lives."end" <> 'reported'
    AND lives.ended_ms <= committed_ms + clock_tolerance_ms()
), no_dag AS (
  -- A scheduler fails what it finds no DAG for, and says so.
  SELECT DISTINCT seq
  FROM given_up JOIN server_log ON source LIKE 'scheduler%' AND message LIKE '%not found in serialized_dag%'
    AND contains(message, dag_id) AND at_ms BETWEEN committed_ms - 60000 AND committed_ms + 60000
), next_parts AS (
  SELECT given_up.seq, again
  FROM given_up ASOF JOIN resumptions ON resumptions.ti_id = old_ti_id AND given_up.seq > resumptions.seq
), last_lives AS (
  SELECT ti_id, arg_max(worker, ended_ms) AS worker, max(ended_ms) AS ended_ms
  FROM lives SEMI JOIN (SELECT old_ti_id AS ti_id FROM given_up) USING (ti_id)
  WHERE lives."end" = 'reported' GROUP BY ti_id
)
SELECT given_up.*,
  CASE
    WHEN state = 'scheduled'
      THEN format('it had been queued for {}, and is stuck after {}', seconds(queued_ms), seconds(queued_timeout_ms))
    WHEN worker IS NOT NULL THEN format('its worker {} had reported its own end {} before', worker,
      seconds(committed_ms - ended_ms))
    ELSE 'no worker of it was lost'
  END AS why,
  again
FROM given_up LEFT JOIN queued USING (seq) LEFT JOIN last_lives ON last_lives.ti_id = old_ti_id
LEFT JOIN next_parts USING (seq)
CROSS JOIN plan CROSS JOIN requests_known
WHERE seq NOT IN (FROM lost) AND seq NOT IN (FROM no_dag)
  AND coalesce(queued_ms < queued_timeout_ms - clock_tolerance_ms(), given_up.old_state = 'scheduled')
  -- A life is recorded when it ends: without any, or shortly before the harness was killed, one may be missing.
  AND committed_ms < until_ms AND EXISTS (FROM lives);

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
), of_these_kinds AS (
  SELECT * FROM changed SEMI JOIN forbidden_kinds USING (writer_role, old_state, state)
), forbidden AS (
  -- From 3.4 on a next try begins in the state in which the row before was read, and gets its own in the transaction.
  SELECT * FROM of_these_kinds WHERE ti_id = old_ti_id
  UNION ALL
  SELECT * FROM (SELECT * FROM of_these_kinds WHERE ti_id <> old_ti_id)
  ANTI JOIN (SELECT xid, ti_id FROM changed WHERE ti_id = old_ti_id) AS own USING (xid, ti_id)
), sent AS (
  SELECT seq, statement FROM commits SEMI JOIN forbidden USING (seq)
)
SELECT *,
  CASE WHEN seq IN (SELECT seq FROM not_followed)
    THEN format('scheduler: {} → skipped, which a branch did not follow', old_state)
    ELSE format('{}: {} → {}', writer_role, old_state, state) END AS variant,
  committed_ms - old_since_ms AS severity,
  format('changed {} from {} to {}, which no {} may do («{}»)', subject_of(dag_id, run_id, task_id, map_index),
    state_name(old_state), state_name(state),
    CASE writer_role WHEN 'api-execution' THEN 'worker''s request' WHEN 'api-core' THEN 'operator'
      ELSE writer_role END, shortened(coalesce(statement, ''), 100)) AS did
FROM forbidden JOIN sent USING (seq)
UNION ALL BY NAME
SELECT *, CASE WHEN state <> 'scheduled' AND again IS NOT NULL
    THEN format('scheduler: {} → {} of a {} task', old_state, state, again)
    ELSE format('scheduler: {} → {} without a cause', old_state, state) END AS variant,
  committed_ms - old_since_ms AS severity,
  format('changed {} from {} to {} without a cause: {}', subject_of(dag_id, run_id, task_id, map_index),
    state_name(old_state), state_name(state), why) AS did
FROM without_cause
UNION ALL BY NAME
SELECT *, format('{}: made {}', writer_role, state) AS variant, 0 AS severity,
  format('made {}, and it was {} from the beginning', subject_of(dag_id, run_id, task_id, map_index),
    state_name(state)) AS did
FROM task_instance_changes
WHERE change = 'insert' AND state IS NOT NULL AND writer_role IN (SELECT writer_role FROM allowed);
