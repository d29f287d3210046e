-- What differs from release to release: the manifest says it, which those who use the macros of 00-macros.sql alone do
-- not have.

-- Whether each try has a row, to which its rendered fields and results belong.
CREATE OR REPLACE MACRO row_a_try() AS (SELECT coalesce(row_a_try, false) FROM manifest);

-- Whether a worker may start a task in this state. From 3.4 on one in RESTARTING gets a next try first.
CREATE OR REPLACE MACRO may_start(state) AS state = 'queued' OR (state = 'restarting' AND NOT row_a_try());

-- Whether a task instance in this state takes the request, when `is_own` says that the worker that runs it has sent it.
CREATE OR REPLACE MACRO allows(kind, state, is_own) AS
  coalesce(CASE kind
    WHEN 'run' THEN may_start(state) OR (state = 'running' AND is_own)
    WHEN 'impostor_run' THEN may_start(state) OR (state = 'running' AND is_own)
    WHEN 'heartbeat' THEN state = 'running' AND is_own
    WHEN 'impostor_heartbeat' THEN state = 'running' AND is_own
    WHEN 'state' THEN state = 'running'
    ELSE true
  END, false);
