-- Words that several invariants share.

-- Commit times are PostgreSQL's clock, request times ours. On one machine they are the same clock, read a few
-- milliseconds apart; between machines that keep time by NTP some tens of milliseconds. 250 ms covers both, and is
-- below a heartbeat interval and below what a scheduler loop takes, so it cannot excuse another heartbeat's story.
CREATE MACRO clock_tolerance_ms() AS 250;

-- Whether a request may have been what committed at that moment. An unknown one may commit long after the client gave
-- up.
CREATE MACRO may_have_committed(sent_ms, ended_ms, outcome, committed_ms) AS
  sent_ms <= committed_ms + clock_tolerance_ms()
  AND (ended_ms IS NULL OR outcome = 'unknown' OR ended_ms >= committed_ms - clock_tolerance_ms());

-- `wt-api-execution-2` → `api-execution`. NULL where the writer is not known, or is no process that we named.
CREATE MACRO role_of(process) AS nullif(regexp_extract(process, '^wt-(.+?)(-\d+)?$', 1), '');

CREATE MACRO is_end_state(state) AS
  coalesce(state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed'), false);

-- `dag/run/task`, and the map index where the task is mapped.
CREATE MACRO subject_of(dag_id, run_id, task_id, map_index) AS
  concat_ws('/', dag_id, run_id, task_id)
    || CASE WHEN coalesce(map_index, -1) >= 0 THEN '[' || map_index || ']' ELSE '' END;

CREATE MACRO state_name(state) AS upper(coalesce(state, 'none'));

CREATE MACRO seconds(ms) AS format('{:.1f} s', greatest(ms, 0) / 1000.0);

CREATE MACRO one_line(words) AS trim(regexp_replace(words, '\s+', ' ', 'g'));

CREATE MACRO shortened(words, most) AS
  CASE WHEN length(one_line(words)) > most THEN left(one_line(words), most) || '…' ELSE one_line(words) END;

-- A statement without its literals. PostgreSQL cuts long statements, so the last literal may lack its end.
CREATE MACRO without_literals(statement) AS
  regexp_replace(
    regexp_replace(
      regexp_replace(one_line(statement), '''([^'']|'''')*(''(::\w+)?|$)', '?', 'g'),
      '\b\d+(\.\d+)?\b', '?', 'g'),
    -- However many states or ids a statement lists, it is the same statement.
    '(\?(::\w+)?|\bNULL\b)(\s*,\s*(\?(::\w+)?|NULL\b))+', '?', 'g');
