-- Functions that several invariants share.

-- Whether a request may have made a commit at that moment. An unknown one may commit long after the client gave
-- up.
CREATE OR REPLACE MACRO may_have_committed(sent_ms, ended_ms, outcome, committed_ms) AS
  sent_ms <= committed_ms + clock_tolerance_ms()
  AND (ended_ms IS NULL OR outcome = 'unknown' OR ended_ms >= committed_ms - clock_tolerance_ms());

-- `wt-api-execution-2` → `api-execution`. NULL where the writer is not known, or is no process that we named.
CREATE OR REPLACE MACRO role_of(process) AS nullif(regexp_extract(process, '^wt-(.+?)(-\d+)?$', 1), '');

CREATE OR REPLACE MACRO is_end_state(state) AS
  coalesce(state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'), false);

-- `dag/run/task`, and the map index where the task is mapped.
CREATE OR REPLACE MACRO subject_of(dag_id, run_id, task_id, map_index) AS
  concat_ws('/', dag_id, run_id, task_id)
    || CASE WHEN coalesce(map_index, -1) >= 0 THEN '[' || map_index || ']' ELSE '' END;

CREATE OR REPLACE MACRO state_name(state) AS upper(coalesce(state, 'none'));

CREATE OR REPLACE MACRO seconds(ms) AS format('{:.1f} s', greatest(ms, 0) / 1000.0);

CREATE OR REPLACE MACRO one_line(words) AS trim(regexp_replace(words, '\s+', ' ', 'g'));

CREATE OR REPLACE MACRO shortened(words, most) AS
  CASE WHEN length(one_line(words)) > most THEN left(one_line(words), most) || '…' ELSE one_line(words) END;

-- A statement without its literals. PostgreSQL cuts long statements, so the last literal may lack its end.
CREATE OR REPLACE MACRO without_literals(statement) AS
  regexp_replace(
    regexp_replace(
      regexp_replace(one_line(statement), '''([^'']|'''')*(''(::\w+)?|$)', '?', 'g'),
      '\b\d+(\.\d+)?\b', '?', 'g'),
    -- However many states or ids a statement lists, it is the same statement.
    '(\?(::\w+)?|\bNULL\b)(\s*,\s*(\?(::\w+)?|NULL\b))+', '?', 'g');

-- Rendered fields as they can be compared: the one field that our DAGs have, or the whole. Airflow's column may hold
-- the object itself or a string with the object in it.
CREATE OR REPLACE MACRO field_of(value) AS
  coalesce(
    value ->> '$.bash_command',
    try_cast(value ->> '$' AS JSON) ->> '$.bash_command',
    CASE WHEN json_type(value) = 'VARCHAR' THEN value ->> '$' ELSE json(value)::VARCHAR END);

-- Of a row of a task instance: whether each try has one (from 3.4 on), and whether this one's try was followed by
-- another. The text is that of the recorder; it is not parsed, because every change is asked.
CREATE OR REPLACE MACRO has_row_a_try(task_row) AS coalesce(contains(task_row, '"working_set":'), false);
CREATE OR REPLACE MACRO is_of_former_try(task_row) AS coalesce(contains(task_row, '"working_set":null'), false);

-- Whether a statement is only a heartbeat: it changes no column that is recorded, but its row is in the
-- stream all the same.
CREATE OR REPLACE MACRO heartbeats(statement) AS
  -- Without a regular expression: DuckDB looks for these once in a text that many rows have, for that in every row.
  starts_with(ltrim(statement, E' \n\r\t'), 'UPDATE task_instance SET last_heartbeat_at=')
    OR starts_with(ltrim(statement, E' \n\r\t'), 'UPDATE task_instance SET last_heartbeat_at =');

-- What statements of one kind have in common: of an UPDATE its columns, in alphabetic order (SQLAlchemy chooses their
-- order in each process) and without those that go along; of a SELECT what it reads from and locks; of many in one go
-- the first.
CREATE OR REPLACE MACRO kind_of(statement) AS
  CASE
    WHEN regexp_matches(statement, '^\s*UPDATE \w+ SET ') THEN
      regexp_extract(statement, '^\s*(UPDATE \w+ SET) ', 1) || ' '
        || list_aggregate(list_sort(list_filter(list_distinct(
        regexp_extract_all(regexp_extract(without_literals(statement), 'SET (.*?)( WHERE |;|$)', 1), '(\w+) ?= ?', 1)),
        name -> name NOT IN ('updated_at', 'scheduled_by_job_id'))),
        'string_agg', ', ')
    WHEN regexp_matches(statement, '^\s*SELECT .*\sFROM ', 's') THEN
      'SELECT FROM ' || regexp_extract(one_line(statement), ' FROM (\w+)', 1)
        || coalesce(nullif(' ' || regexp_extract(statement, 'FOR (NO KEY )?(UPDATE|SHARE|KEY SHARE)', 0), ' '), '')
    ELSE left(without_literals(statement), 140)
  END;

-- What a request does, and what a statement does for a process that serves none, in words that follow its name.
-- Sets a task that is stuck in QUEUED back to SCHEDULED.
CREATE OR REPLACE MACRO takes_back(statement) AS
  starts_with(ltrim(statement, E' \n\r\t'), 'UPDATE task_instance SET state=''scheduled'', queued_dttm=NULL')
    OR starts_with(ltrim(statement, E' \n\r\t'), 'UPDATE task_instance SET state = ''scheduled'', queued_dttm = NULL');

CREATE OR REPLACE MACRO action_of(kind, statement) AS
  CASE kind
    WHEN 'state' THEN 'carries out an end report (state PATCH)'
    WHEN 'run' THEN 'starts a task'
    WHEN 'heartbeat' THEN 'takes a heartbeat'
    WHEN 'rtif' THEN 'writes rendered fields'
    WHEN 'skip_downstream' THEN 'skips downstream tasks'
    WHEN 'trigger_run' THEN 'creates a DAG run for a task'
    WHEN 'backfill' THEN 'creates a backfill'
    WHEN 'trigger' THEN 'creates a DAG run'
    WHEN 'clear' THEN 'clears a task'
    WHEN 'mark' THEN 'marks a task or a run'
    WHEN 'bulk' THEN 'marks several tasks'
    WHEN 'delete' THEN 'deletes a run'
    ELSE CASE
      WHEN regexp_matches(statement, '^\s*UPDATE task_instance SET .*dag_version_id') THEN
        'gives unfinished tasks the new DAG version'
      WHEN takes_back(statement) THEN 'takes back what is stuck in QUEUED'
      WHEN regexp_matches(statement,
          '^\s*UPDATE task_instance SET .*(state ?= ?''scheduled''|try_number ?=.*scheduled_dttm)', 's')
        THEN 'sets ready tasks to SCHEDULED'
      WHEN regexp_matches(statement, '^\s*UPDATE task_instance SET .*(state ?= ?''queued''|queued_dttm)', 's')
        THEN 'queues tasks'
      WHEN regexp_matches(statement, '^\s*UPDATE dag_run SET last_scheduling_decision') THEN
        'notes that it has examined a run'
      WHEN regexp_matches(statement, '^\s*UPDATE (\w+)') THEN
        'changes rows of ' || regexp_extract(statement, '^\s*UPDATE (\w+)', 1)
      WHEN regexp_matches(statement, '^\s*INSERT INTO (\w+)') THEN
        'adds rows to ' || regexp_extract(statement, '^\s*INSERT INTO (\w+)', 1)
      WHEN regexp_matches(statement, '^\s*DELETE FROM (\w+)') THEN
        'deletes rows of ' || regexp_extract(statement, '^\s*DELETE FROM (\w+)', 1)
      WHEN regexp_matches(statement, '^\s*SELECT .*\sFROM dag_run\s.*FOR (NO KEY )?(UPDATE|SHARE)', 's')
        THEN 'picks runs to examine'
      WHEN regexp_matches(statement, '^\s*SELECT .*\sFROM (\w+).*FOR (NO KEY )?(UPDATE|SHARE|KEY SHARE)', 's') THEN
        'locks rows of ' || regexp_extract(statement, '\sFROM (\w+)', 1)
      WHEN one_line(statement) <> '' THEN 'runs another statement'
    END
  END;
